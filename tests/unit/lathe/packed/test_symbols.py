"""What cannot be a stream is refused; what was written once stays readable."""

import numpy as np
import pytest

from lathe.errors import CorruptPacked
from lathe.packed.binary import Work
from lathe.packed.symbols import Method, decode_matrices, decode_symbols
from worker.engine.encode.symbols import Profile, encode_matrices

RNG = np.random.default_rng(0)
GROUP = [
    (RNG.random((20, 30)) < 0.2) * RNG.integers(-5, 6, (20, 30)),
    RNG.integers(-9, 9, (1, 30)),
    np.zeros((3, 3), int),
    RNG.integers(-(2**31), 2**31, (2, 3)),
]
SHAPES = [codes.shape for codes in GROUP]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\xff",
        b"\4",
        b"\0\0",
        b"\1",
        b"\1\0",
        b"\1\x21\0\0",
        b"\1\x08\0\0\0\0\0",
        b"\2",
        b"\2\x10\0\1\0\1\0\0\1\0",
        b"\2\0\x08\1\0\1\0\0\1\0",
        b"\2\0\0\0\0\1\0\0\1\0",
        b"\2\0\0\1\xff" + bytes(300),
        b"\2\0\1\1\1\1\0\1\0\0\1\0",
        b"\2\0\0\1\0\1\1\0\1\0",
        b"\2\0\0\1\0\1\0\0\1\0\0",
        b"\3" + b"\xff" * 40,
        b"\3" + bytes(40),
    ],
)
def test_a_stream_that_cannot_be_is_refused(stream: bytes) -> None:
    with pytest.raises(CorruptPacked):
        decode_symbols(memoryview(stream), 2, 2)


@pytest.mark.parametrize("profile", ["fast", "small"])
def test_a_flipped_byte_or_a_lost_one_does_no_harm(profile: Profile) -> None:
    stream = encode_matrices([codes.astype(np.int32) for codes in GROUP], profile=profile)
    refused = 0
    for place in range(0, len(stream), 5):
        broken = bytearray(stream)
        broken[place] ^= 1 << place % 8
        for data in (broken, stream[:place]):
            try:
                back = decode_matrices(memoryview(data), SHAPES)
            except CorruptPacked:
                refused += 1
            else:
                assert [codes.shape for codes in back] == SHAPES
    assert refused >= len(stream) // 5  # every lost one at least


def test_the_streams_of_a_file_are_only_so_much_work() -> None:
    codes = [GROUP[0].astype(np.int32)]
    writing, reading = Work(1500), Work(1500)
    streams = [encode_matrices(codes, profile="small", work=writing) for _ in range(3)]
    assert [stream[0] for stream in streams] == [Method.ADAPTIVE, Method.RANGED, Method.RANGED]
    for stream in streams:
        decode_matrices(memoryview(stream), SHAPES[:1], reading)
    assert reading.left == writing.left < 800
    with pytest.raises(CorruptPacked, match="many"):
        decode_matrices(memoryview(streams[0]), SHAPES[:1], reading)
    endless = b"\3\x55" + bytes(range(256)) * 40
    with pytest.raises(CorruptPacked, match="many"):
        decode_matrices(memoryview(endless), [(2000, 2000)], Work(5000))


def test_no_adaptive_matrix_has_a_long_side() -> None:
    with pytest.raises(CorruptPacked, match="65537"):
        decode_symbols(memoryview(b"\3" + bytes(50)), 1, 65537)
