"""Sparse initializers become dense ones: the same constants to every reader.

A few bytes can ask for any number of zeros, so all that unfold together are held against what
the file has of them, as an archive's members are.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from lathe.errors import CorruptModel
from worker.engine.onnx_file.read import LARGE_BYTES
from worker.engine.onnx_file.spill import Spill

MOST_RATIO = 200  # of zeros and values over the values and their places, as in an archive
FREE_BYTES = 64 << 20  # up to here any ratio is harmless
PART = 1 << 20  # elements that are written out at once


@dataclass(slots=True)
class _Unfolded:
    """Of all sparse tensors so far."""

    packed_bytes: int = 0
    dense_bytes: int = 0


def unfold_sparse(model: onnx.ModelProto, spill: Spill) -> None:
    """Write sparse initializers out in place, under their names. Raises CorruptModel."""
    graph, so_far = model.graph, _Unfolded()
    for sparse in graph.sparse_initializer:
        graph.initializer.append(_dense(sparse, spill, so_far))
    del graph.sparse_initializer[:]


def _dense(sparse: onnx.SparseTensorProto, spill: Spill, so_far: _Unfolded) -> onnx.TensorProto:
    """Every element written out, a part at a time."""
    values = numpy_helper.to_array(sparse.values)
    places = numpy_helper.to_array(sparse.indices)
    elements = math.prod(sparse.dims)
    so_far.packed_bytes += values.nbytes + places.nbytes
    so_far.dense_bytes += elements * values.itemsize
    most_bytes = max(FREE_BYTES, MOST_RATIO * so_far.packed_bytes)
    if min(sparse.dims, default=0) < 0 or so_far.dense_bytes > most_bytes:
        raise CorruptModel(
            f"the sparse tensor {sparse.values.name!r} unfolds to {elements} elements, and all "
            f"together to more than {MOST_RATIO} times their size; export it as a dense one"
        )
    if sparse.indices.data_type != onnx.TensorProto.INT64:
        raise _broken(sparse)
    if sparse.values.data_type == onnx.TensorProto.STRING:
        raise CorruptModel(f"the sparse tensor {sparse.values.name!r} holds text, not numbers")
    if places.ndim > 1:
        fitting = places.ndim == 2 and places.shape[1] == len(sparse.dims)  # noqa: PLR2004
        if not fitting or (places < 0).any() or (places >= list(sparse.dims)).any():
            raise _broken(sparse)
        places = places @ _strides(list(sparse.dims))
    if places.shape != values.shape or places.min(initial=0) < 0:
        raise _broken(sparse)
    if places.max(initial=-1) >= elements:
        raise _broken(sparse)
    parts = _parts(places, values, elements)
    if elements * values.itemsize < LARGE_BYTES:
        whole = np.concatenate([values[:0], *parts]).reshape(list(sparse.dims))
        return spill.tensor(sparse.values.name, whole)
    return spill.streamed(sparse.values.name, values.dtype, list(sparse.dims), parts)


def _parts(
    places: NDArray[np.generic], values: NDArray[np.generic], elements: int
) -> Iterator[NDArray[np.generic]]:
    order = np.argsort(places, kind="stable")  # the last of two values for one place counts
    places, values = places[order], values[order]
    for start in range(0, elements, PART):
        part = np.zeros(min(PART, elements - start), values.dtype)
        begin, end = np.searchsorted(places, [start, start + part.size])
        part[places[begin:end] - start] = values[begin:end]
        yield part


def _broken(sparse: onnx.SparseTensorProto) -> CorruptModel:
    return CorruptModel(
        f"the sparse tensor {sparse.values.name!r} has broken indices; export it as a dense one"
    )


def _strides(dims: list[int]) -> list[int]:
    strides = [1]
    for dim in reversed(dims[1:]):
        strides.insert(0, strides[0] * dim)
    return strides
