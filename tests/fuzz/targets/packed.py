"""Packed files, as `lathe unpack` reads them.

The first byte of an input says what the rest is: a packed file as it is; one whose checksum is
put right, as whoever wrote it could; the plain tokens of a head and the body behind it, as
they are after sizes and checksum were found right.
"""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import atheris

# the mixer has one way through, and instrumented it would be all that is seen
with atheris.instrument_imports(
    include=["lathe.packed"],
    exclude=["lathe.packed.head.mixer", "lathe.packed.head.preset", "lathe.packed.mixer"],
):
    from lathe.errors import CorruptPacked, ModelTooLarge, UnknownPackedVersion
    from lathe.packed.head.read import read_skeleton
    from lathe.packed.head.tokens import PlainTokens
    from lathe.packed.limits import Limits
    from lathe.packed.splice import splice
    from lathe.packed.unpack import unpack_into

from tests.fuzz.crafted import checked, plainly_packed
from tests.fuzz.random_graphs import random_onnx
from tests.fuzz.target import Target
from worker.engine.encode.pack import pack, tokens_and_body
from worker.engine.encode.symbols import Profile

LIMITS = Limits(max_bytes=1 << 16, max_head_bytes=1 << 12)
SEEDS, MIXED_SEEDS = 100, 4
_WHOLE, _CHECKED, _PLAIN = 8, 64, 65  # few are whole: a mixed head takes long
MOST_HEAD = LIMITS.max_head_bytes


def _one(data: bytes) -> None:
    if not data:
        return
    if data[0] < _WHOLE:
        unpack_into(data[1:], io.BytesIO(), LIMITS)
    elif data[0] % 2 == 0:
        unpack_into(checked(data[1:]), io.BytesIO(), LIMITS)
    else:
        body_at = 3 + int.from_bytes(data[1:3], "little")
        skeleton = read_skeleton(PlainTokens(data[3:body_at]), LIMITS.max_bytes)
        splice(skeleton, memoryview(data)[body_at:], io.BytesIO())


def _seeds() -> Iterator[bytes]:
    """Some packed graphs as inputs of every kind; only a few have a mixed head, which takes
    thousands of times as long as the rest."""
    with tempfile.TemporaryDirectory() as folder:
        onnx, packed = Path(folder, "seed.onnx"), Path(folder, "seed.packed")
        for seed in range(SEEDS):
            data = random_onnx(seed, most_nodes=2)
            profile: Profile = "small" if seed % 2 else "fast"
            if seed < MIXED_SEEDS:
                onnx.write_bytes(data)
                pack(onnx, packed, hints={}, profile=profile)
                yield b"\0" + packed.read_bytes()
            yield bytes([_CHECKED]) + plainly_packed(data, profile)
            head, body = tokens_and_body(data, profile)
            if len(head) < MOST_HEAD:
                yield bytes([_PLAIN]) + len(head).to_bytes(2, "little") + head + body


TARGET = Target(
    "packed files",
    _one,
    _seeds,
    refusals=(CorruptPacked, ModelTooLarge, UnknownPackedVersion),
    longest=2048,
)
