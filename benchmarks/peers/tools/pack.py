"""General packers: pack zstd|xz SOURCE TARGET, or pack check SOURCE TARGET.

zstd at level 19, xz at 9; `check` unpacks TARGET and compares it with SOURCE.
"""

import lzma
import sys
from pathlib import Path

import zstandard

ZSTD_LEVEL, XZ_LEVEL = 19, 9
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def main(form: str, source: str, target: str) -> None:
    """Pack, or raise RuntimeError where TARGET does not unpack to SOURCE."""
    plain, packed = Path(source).read_bytes(), Path(target)
    match form:
        case "zstd":
            packed.write_bytes(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(plain))
        case "xz":
            packed.write_bytes(lzma.compress(plain, preset=XZ_LEVEL))
        case "check":
            if _unpacked(packed.read_bytes()) != plain:
                raise RuntimeError(f"{target} does not unpack to {source}")


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(ZSTD_MAGIC):
        return lzma.decompress(data)
    plain: bytes = zstandard.ZstdDecompressor().decompress(data)
    return plain


if __name__ == "__main__":
    main(*sys.argv[1:])
