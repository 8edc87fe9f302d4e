"""The numbers of a tensor, wherever they lie."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.onnx_file.place import is_mapped, place_of


def array(tensor: onnx.TensorProto) -> NDArray[np.generic]:
    """The tensor as an array of its own shape and dtype; not to be written to.

    A mapped tensor becomes a view of its file: pages are read when they are touched and
    belong to the page cache. Only types that are packed below one byte are unpacked into
    memory. Raises what numpy_helper.to_array raises for an inconsistent inline tensor.
    """
    if not is_mapped(tensor):
        return numpy_helper.to_array(tensor)
    place = place_of(tensor)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    shape = tuple(tensor.dims)
    if place.size_bytes != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        return _unpacked(tensor)
    if place.size_bytes == 0:
        return np.empty(shape, dtype)
    return np.memmap(place.path, dtype=dtype, mode="r", offset=place.offset, shape=shape)


def _unpacked(tensor: onnx.TensorProto) -> NDArray[np.generic]:
    place = place_of(tensor)
    inline = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    with place.path.open("rb") as file:
        file.seek(place.offset)
        inline.raw_data = file.read(place.size_bytes)
    return numpy_helper.to_array(inline)
