"""Which axes of a tensor are the rows of its symbols."""

import numpy as np
from numpy.typing import NDArray

from lathe.packed.head.plan import Layout
from worker.engine.encode.symbol_bytes import symbol_bytes
from worker.engine.encode.symbols import encode_symbols

_TRIED = 1 << 17  # symbols; a larger tensor is split behind its first axis that counts
Codes = NDArray[np.int32]


def best_layout(codes: Codes) -> tuple[Layout, Codes, float]:
    """The layout of a tensor's codes, of any shape, that costs least: the layout, the matrix
    of symbols, and about how many bytes it takes. Rows before columns or columns before rows
    is all the same to the symbols' coder."""
    wide = [axis for axis, size in enumerate(codes.shape) if size > 1]
    splits = [axis + 1 for axis in wide[:-1]] or [0]
    if codes.size > _TRIED:
        del splits[1:]
    matrices = [codes.reshape(Layout(split).shape(codes.shape)) for split in splits]
    sizes = [_tried(matrix) for matrix in matrices] if len(splits) > 1 else [0]
    best = int(np.argmin(sizes))
    return Layout(splits[best]), matrices[best], symbol_bytes(matrices[best])


def _tried(codes: Codes) -> int:
    return len(encode_symbols(codes, profile="fast"))
