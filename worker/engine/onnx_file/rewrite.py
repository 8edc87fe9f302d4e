"""New numbers for a tensor, block by block."""

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.blocks import blocks
from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.spill import Spill

Values = NDArray[np.float32]


def flat_parts(tensor: onnx.TensorProto) -> Iterator[Values]:
    """A float tensor's numbers as float32, in order, a block at a time; not to be changed."""
    flat = array(tensor).reshape(-1)
    for rows in blocks(flat):
        yield flat[rows].astype(np.float32, copy=False)


def rewrite(tensor: onnx.TensorProto, parts: Iterable[Values], spill: Spill) -> None:
    """Put `parts`, which are its new numbers in order, into `tensor`, in place: shape and
    element type stay, and a tensor that lay in a file goes to `spill`."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    shape = tuple(tensor.dims)
    if is_mapped(tensor):
        cast = (part.astype(dtype, copy=False) for part in parts)
        tensor.CopyFrom(spill.streamed(tensor.name, dtype, shape, cast))
    else:
        whole = np.concatenate([part.reshape(-1) for part in parts]).astype(dtype)
        tensor.CopyFrom(numpy_helper.from_array(whole.reshape(shape), tensor.name))
