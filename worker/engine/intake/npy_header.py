"""The header of one .npy stream, bounded before anything is allocated.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import ast
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lathe.facts import DType
from worker.engine.intake.tensor_file import CODES

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 64 << 10
MAX_RANK = 32
ONE_TYPE = re.compile(
    r"[<>=|]?[A-Za-z?][0-9]{0,4}(\[[0-9A-Za-z]{1,8}\])?"
)  # numpy reads lists, too


class BadArrayError(ValueError):
    """The array is not plain numbers; the message completes `the array 'x' ...`."""


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What follows is `size_bytes` of `stored` elements in C or Fortran order."""

    stored: np.dtype[np.generic]
    dtype: DType
    shape: tuple[int, ...]
    fortran: bool

    @property
    def size_bytes(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.stored.itemsize


def read_npy_header(read: Callable[[int], bytes]) -> NpyHeader:
    """Parse the header; `read` then stands at the data. Raises BadArrayError."""
    start = read(8)
    if len(start) < 8 or not start.startswith(MAGIC):  # noqa: PLR2004 - magic and version
        raise BadArrayError("is not in NumPy's .npy format")
    wide = start[6] >= 2  # noqa: PLR2004 - format versions 2 and 3 have 4 length bytes
    field = read(4 if wide else 2)
    if len(field) < (4 if wide else 2):
        raise BadArrayError("is cut short")
    (length,) = struct.unpack("<I" if wide else "<H", field)
    if length > MAX_HEADER_BYTES:
        raise BadArrayError(f"has a header of {length} bytes")
    return _parsed(read(length))


def _parsed(header: bytes) -> NpyHeader:
    try:
        said = ast.literal_eval(header.decode("latin-1"))
        descr, shape, fortran = said["descr"], said["shape"], said["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError) as error:
        raise BadArrayError("has a header that cannot be read") from error
    if not isinstance(descr, str):
        raise BadArrayError("holds records, not plain numbers")
    try:
        stored = np.dtype(descr) if ONE_TYPE.fullmatch(descr) else None
    except TypeError:
        stored = None
    if stored is None:
        raise BadArrayError(f"has the unknown element type {descr[:40]!r}")
    if stored.hasobject:
        raise BadArrayError(
            "holds Python objects, which are pickled and run code when read; store numbers"
        )
    if stored.name not in CODES:
        raise BadArrayError(f"holds {stored.name}; store numbers or booleans")
    plain = isinstance(shape, tuple) and all(type(dim) is int and dim >= 0 for dim in shape)
    if not plain or len(shape) > MAX_RANK:
        raise BadArrayError("has a header without a proper shape")
    return NpyHeader(stored, _name(stored), shape, fortran=bool(fortran) and len(shape) > 1)


def _name(stored: np.dtype[np.generic]) -> DType:
    return next(name for name in CODES if name == stored.name)
