"""Sparse initializers become dense ones: the same constants to every reader."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.errors import CorruptModel
from worker.engine.onnx_file.spill import Spill

MAX_DENSE_ELEMENTS = 1 << 28


def unfold_sparse(model: onnx.ModelProto, spill: Spill) -> None:
    """Write sparse initializers out in place, under their names. Raises CorruptModel."""
    graph = model.graph
    for sparse in graph.sparse_initializer:
        graph.initializer.append(spill.tensor(sparse.values.name, _dense(sparse)))
    del graph.sparse_initializer[:]


def _dense(sparse: onnx.SparseTensorProto) -> NDArray[np.generic]:
    """Every element written out."""
    elements = 1
    for dim in sparse.dims:
        elements *= dim
    if elements > MAX_DENSE_ELEMENTS or min(sparse.dims, default=0) < 0:
        raise CorruptModel(
            f"the sparse tensor {sparse.values.name!r} unfolds to {elements} elements; "
            "export it as a dense one"
        )
    values = numpy_helper.to_array(sparse.values)
    places = numpy_helper.to_array(sparse.indices)
    if places.ndim > 1:
        places = places @ _strides(list(sparse.dims))
    if places.shape != values.shape or places.min(initial=0) < 0:
        raise CorruptModel(f"the sparse tensor {sparse.values.name!r} has broken indices")
    if places.max(initial=-1) >= elements:
        raise CorruptModel(f"the sparse tensor {sparse.values.name!r} has broken indices")
    flat = helper.make_tensor("", sparse.values.data_type, [0], b"", raw=True)
    dense = numpy_helper.to_array(flat).copy()
    dense.resize(elements, refcheck=False)
    dense[places] = values
    return dense.reshape(list(sparse.dims))


def _strides(dims: list[int]) -> list[int]:
    strides = [1]
    for dim in reversed(dims[1:]):
        strides.insert(0, strides[0] * dim)
    return strides
