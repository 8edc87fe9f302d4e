"""Fuzz the parser of packed files: `make fuzz-packed`, or `python -m tests.fuzz` with flags.

The first byte of an input says what the rest is: a packed file as it is; one whose checksum is
put right, as whoever wrote it could; the plain tokens of a head and the body behind it, as
they are after sizes and checksum were found right. Whatever comes must be refused by name or
unpacked, in less than 256 MB and 5 s, which libFuzzer watches. The inputs begin with small
packed graphs.
"""

import contextlib
import io
import sys
import tempfile
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
from worker.engine.encode.pack import pack, tokens_and_body
from worker.engine.encode.symbols import Profile

LIMITS = Limits(max_bytes=1 << 18, max_head_bytes=1 << 17)
SEEDS, MIXED_SEEDS = 100, 4
MOST_HEAD = 1 << 16
# of the whole process, which takes some 140 MB before the first input
FLAGS = ("-rss_limit_mb=400", "-malloc_limit_mb=256", "-timeout=5", "-max_len=2048")


def one_input(data: bytes) -> None:
    """One file; anything but a refusal by name is a finding."""
    if not data:
        return
    with contextlib.suppress(CorruptPacked, ModelTooLarge, UnknownPackedVersion):
        match data[0] % 3:
            case 0:
                unpack_into(data[1:], io.BytesIO(), LIMITS)
            case 1:
                unpack_into(checked(data[1:]), io.BytesIO(), LIMITS)
            case _:
                body_at = 3 + int.from_bytes(data[1:3], "little")
                skeleton = read_skeleton(PlainTokens(data[3:body_at]), LIMITS.max_bytes)
                splice(skeleton, memoryview(data)[body_at:], io.BytesIO())


def write_seeds(folder: Path) -> None:
    """Some packed graphs as inputs of every kind; only a few have a mixed head, which takes
    thousands of times as long as the rest."""
    onnx, packed = folder / "seed.onnx", folder / "seed.packed"
    for seed in range(SEEDS):
        data = random_onnx(seed, most_nodes=2)
        profile: Profile = "small" if seed % 2 else "fast"
        if seed < MIXED_SEEDS:
            onnx.write_bytes(data)
            pack(onnx, packed, hints={}, profile=profile)
            (folder / f"{seed}-mixed").write_bytes(b"\0" + packed.read_bytes())
        (folder / f"{seed}-whole").write_bytes(b"\1" + plainly_packed(data, profile))
        head, body = tokens_and_body(data, profile)
        if len(head) < MOST_HEAD:
            plain = b"\2" + len(head).to_bytes(2, "little") + head + body
            (folder / f"{seed}-plain").write_bytes(plain)
    onnx.unlink()
    packed.unlink()


def main() -> None:
    """Run until the flags say that it is enough; the status is libFuzzer's."""
    with tempfile.TemporaryDirectory(prefix="lathe-fuzz-") as folder:
        write_seeds(Path(folder))
        atheris.Setup([sys.argv[0], *FLAGS, *sys.argv[1:], folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
