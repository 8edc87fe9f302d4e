"""What cannot be a stream is refused; what was written once stays readable."""

import numpy as np
import pytest

from lathe.errors import CorruptPacked
from lathe.packed.binary import Work
from lathe.packed.symbols import Method, decode_matrices, decode_symbols
from worker.engine.encode.adaptive import least_work
from worker.engine.encode.symbols import MOST_SEARCH, Effort, Profile, encode_matrices

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
    effort = Effort(work=writing)
    streams = [encode_matrices(codes, profile="small", effort=effort) for _ in range(3)]
    assert [stream[0] for stream in streams] == [Method.ADAPTIVE, Method.RANGED, Method.RANGED]
    for stream in streams:
        decode_matrices(memoryview(stream), SHAPES[:1], reading)
    assert reading.left == writing.left < 800
    with pytest.raises(CorruptPacked, match="many"):
        decode_matrices(memoryview(streams[0]), SHAPES[:1], reading)
    endless = b"\3\x55" + bytes(range(256)) * 40
    with pytest.raises(CorruptPacked, match="many"):
        decode_matrices(memoryview(endless), [(2000, 2000)], Work(5000))


def test_a_file_is_searched_for_only_so_long() -> None:
    codes = GROUP[0].astype(np.int32)
    effort = Effort(search=Work(4000))
    streams = [encode_matrices([codes], profile="small", effort=effort) for _ in range(9)]
    methods = [stream[0] for stream in streams]
    assert methods == sorted(methods, key=lambda method: method != Method.ADAPTIVE)
    assert {Method.ADAPTIVE, Method.RANGED} == set(methods)
    whole = Effort()
    encode_matrices([codes], profile="small", effort=whole)
    once = MOST_SEARCH - whole.search.left  # what is tried for one such matrix
    assert -once < effort.search.left < least_work(codes)
    for stream in streams:
        (back,) = decode_matrices(memoryview(stream), SHAPES[:1])
        assert (back == codes).all()


def test_no_adaptive_matrix_has_a_long_side() -> None:
    with pytest.raises(CorruptPacked, match="65537"):
        decode_symbols(memoryview(b"\3" + bytes(50)), 1, 65537)


RANGED_AND_FIXED = (
    "060c07000320000040010000400000000404ffb6adb0ad4cef10007a2331c35b4b20b3e4ad10b77e12e14f58"
    "591a34d093"
)
ADAPTIVE = "0f95922dabdd42c613877ba4447c89652327ad48058ae823ec5a421588e584195360"
ON_A_MAP = (
    "03fcaf2fa7ffffdc3dfc1bf567aa686d0ca233d8195133a8c30142f2017ea46fcefad6b2dba2d182c759df2c"
    "51360d0a7144bb15bbba00c1298981378722a68b45712144e9be086fdb6dfbb9900c9f53c70ae08fda2c7804"
    "6c4477f177867fefcc47b7dc4511bff5b0a73144b19fa239e4011211acb9567a57f2bc4c4f65ecd2df25eff0"
    "232a84810ce2457d4fd712159e3fc014965c51dd1947f710ad3edffd40474440777c"
)


@pytest.mark.parametrize("stream", [RANGED_AND_FIXED, ADAPTIVE])
def test_what_was_written_once_stays_readable(stream: str) -> None:
    i, j = np.mgrid[:12, :20]
    layer = np.where((i * j * 7 + i + 3 * j) % 11 < 2, (i + j) % 5 - 2, 0)
    layer[5] = layer[:, 3] = 0
    bias = [[0, 3, 0, -1, 0, 0, 40, 0, 0, 0, 0, 1]]
    found = decode_matrices(memoryview(bytes.fromhex(stream)), [(12, 20), (1, 12)])
    np.testing.assert_array_equal(found[0], layer)
    np.testing.assert_array_equal(found[1], bias)


def test_a_map_that_was_written_once_stays_readable() -> None:
    i, j = np.mgrid[:9, :72]
    codes = np.where((i + j) % 7, (i // 3 + j // 36) * (1 - 2 * ((i * j) % 5 < 3)), 0)
    codes[8] = np.arange(72) % 20
    found = decode_symbols(memoryview(bytes.fromhex(ON_A_MAP)), 9, 72)
    np.testing.assert_array_equal(found, codes)
