"""The writing half of lathe.packed.squeeze."""

import lzma
import zlib

from lathe.packed.squeeze import FILTERS

_SAMPLE_BYTES = 1 << 16
_PAYS = 0.9  # of a sample's bytes


def squeeze(data: bytes | memoryview) -> bytes:
    """`data` as a raw LZMA stream."""
    return lzma.compress(data, lzma.FORMAT_RAW, filters=FILTERS)


def may_be_squeezed(data: memoryview) -> bool:
    """Whether a quick look at the start and the middle promises a tenth less."""
    middle = len(data) // 2
    sample = bytes(data[:_SAMPLE_BYTES]) + bytes(data[middle : middle + _SAMPLE_BYTES])
    return len(zlib.compress(sample, 6)) < _PAYS * len(sample)
