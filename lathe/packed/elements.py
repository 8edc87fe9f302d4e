"""The elements of a tensor out of the symbols and bytes that its plan asks for.

Every function gives the tensor's bytes as they lie in an ONNX file: little-endian, in order.
"""

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed import dtypes
from lathe.packed.dtypes import element_bytes
from lathe.packed.head.plan import Codebook, Cut, Grid, Integers, Plane, Planes

Codes = NDArray[np.int32]
Bytes = NDArray[np.uint8]
_GRID_TYPES = {dtypes.FLOAT: "<f4", dtypes.FLOAT16: "<f2", dtypes.DOUBLE: "<f8"}


def on_grid(plan: Grid, cut: Cut, codes: Codes, coded_steps: Codes | None) -> Bytes:
    """Codes times steps, in float32: exact wherever the encoder found it exact."""
    if cut.data_type not in _GRID_TYPES:
        raise CorruptPacked(f"a grid of element type {cut.data_type}")
    values = codes.astype("<f4").reshape(cut.dims)
    with np.errstate(all="ignore"):  # a hostile step may be anything
        values *= _steps(plan, cut, coded_steps)
        return _bytes(values.astype(_GRID_TYPES[cut.data_type], copy=False))


def _steps(plan: Grid, cut: Cut, coded: Codes | None) -> NDArray[np.float32]:
    """The steps, shaped so that they reach along their axis."""
    if plan.steps is not None:
        patterns = np.array(plan.steps, np.uint32)
    elif coded is None:
        raise CorruptPacked("the steps are missing")
    else:
        low = 8 * (4 - plan.kept)
        patterns = ((coded.ravel().astype(np.int64) + (plan.base >> low)) << low).astype(
            np.uint32
        )
    steps = patterns.view(np.float32)
    shape = [1] * len(cut.dims)
    if plan.axis is not None:
        shape[plan.axis] = len(steps)
    return steps.reshape(shape)


def from_table(plan: Codebook, cut: Cut, codes: Codes, table: memoryview) -> Bytes:
    """The entries of the table that the codes point at."""
    width = element_bytes(cut.data_type)
    entries = np.zeros((plan.entries, width), np.uint8)
    kept = np.frombuffer(table, np.uint8).reshape(plan.entries, plan.kept)
    entries[:, width - plan.kept :] = kept
    places = codes.astype(np.int64)
    places += plan.zero
    if places.size and not 0 <= places.min() <= places.max() < plan.entries:
        raise CorruptPacked("a symbol points behind the end of its codebook")
    return _bytes(entries.view(f"<u{width}").ravel()[places])


def table_bytes(plan: Codebook, cut: Cut) -> int:
    """Bytes of the table in the body."""
    if plan.kept > element_bytes(cut.data_type):
        raise CorruptPacked("a codebook keeps more bytes than an element has")
    return plan.entries * plan.kept


def integers(plan: Integers, cut: Cut, codes: Codes) -> Bytes:
    """Codes plus the offset; those of less than a byte packed, the first in the low bits."""
    bits = dtypes.bits_of(cut.data_type) or 0
    values = codes.astype(np.int64).ravel()
    values += plan.offset
    if bits >= 8:  # noqa: PLR2004 - a byte
        return _bytes(values.astype(f"<u{element_bytes(cut.data_type)}"))
    a_byte = 8 // bits
    packed = np.zeros(cut.size_bytes * a_byte, np.uint8)
    packed[: len(values)] = values & (1 << bits) - 1
    shifts = np.arange(a_byte, dtype=np.uint8) * bits
    return _bytes(np.bitwise_or.reduce(packed.reshape(-1, a_byte) << shifts, axis=1))


def from_planes(plan: Planes, cut: Cut, planes: list[Codes | memoryview | None]) -> Bytes:
    """Elements out of their bytes, the highest first: symbols, stored bytes or nothing where
    the byte is the same everywhere. Of floats the sign is the lowest bit of all."""
    width = element_bytes(cut.data_type)
    rows, columns = plan.layout.shape(cut.dims)
    elements = np.zeros((rows * columns, width), np.uint8)
    for place, ((_, value), plane) in enumerate(zip(plan.planes, planes, strict=True)):
        if plane is None:
            column: NDArray[np.generic] | int = value
        elif isinstance(plane, memoryview):
            column = np.frombuffer(plane, np.uint8)
        else:
            column = (plane.ravel() + value).astype(np.uint8)
        elements[:, width - 1 - place] = column
    patterns = elements.view(f"<u{width}").ravel()
    if cut.data_type in dtypes.FLOATS:
        patterns = patterns >> 1 | patterns << (8 * width - 1)
    return _bytes(patterns)


def symbol_shapes(cut: Cut) -> list[tuple[int, int]]:
    """Rows and columns of each matrix of symbols that the cut's plan asks for, in order."""
    match cut.plan:
        case Grid(layout=layout, axis=axis, steps=steps):
            shapes = [layout.shape(cut.dims)]
            if steps is None:
                shapes.append((1, cut.dims[axis] if axis is not None else 1))
            return shapes
        case Codebook(layout=layout) | Integers(layout=layout):
            return [layout.shape(cut.dims)]
        case Planes(layout=layout, planes=planes):
            return [layout.shape(cut.dims) for mode, _ in planes if mode is Plane.SYMBOLS]
        case _:
            return []


def _bytes(values: NDArray[np.generic]) -> Bytes:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)
