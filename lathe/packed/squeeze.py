"""Bytes squeezed by LZMA, as the standard library knows it: for what has no better coding.

A raw LZMA1 stream with the filter below and nothing around it: what it makes is known before.
"""

import lzma

from lathe.errors import CorruptPacked

FILTERS: list[dict[str, int]] = [
    {"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": 1 << 22, "lc": 3, "lp": 0, "pb": 2}
]


def unsqueeze(data: bytes | memoryview, size_bytes: int) -> bytes:
    """The `size_bytes` bytes that were squeezed; raises CorruptPacked when they are others."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS)
    try:
        found = decompressor.decompress(data, size_bytes + 1)
    except lzma.LZMAError as error:
        raise CorruptPacked(f"squeezed bytes are damaged: {error}") from error
    if len(found) != size_bytes:
        raise CorruptPacked(f"squeezed bytes are not the {size_bytes} that were declared")
    return found
