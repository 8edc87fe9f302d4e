"""Scratch space for new large tensors: written once, mapped from then on."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.onnx_file.place import Place, put
from worker.engine.onnx_file.read import LARGE_BYTES
from worker.engine.onnx_file.write import ALIGNMENT_BYTES


class Spill:
    """One file of tensors. It must outlive every model that holds one of them, so save the
    model (`write_model`) before the folder goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def tensor(self, name: str, values: NDArray[np.generic]) -> onnx.TensorProto:
        """`values` as a tensor of that name: inline when small or text, else in the file."""
        if values.nbytes < LARGE_BYTES or values.dtype.kind == "O":
            return numpy_helper.from_array(values, name)
        return self.streamed(name, values.dtype, values.shape, (values,))

    def take(self, tensor: onnx.TensorProto) -> None:
        """Let the file hold what `tensor` holds itself, if that is large and in one piece."""
        data = tensor.raw_data
        if len(data) >= LARGE_BYTES:
            begin = self._next()
            self._file.write(data)
            self._file.flush()
            put(tensor, Place(self._path, begin, len(data)))

    def streamed(
        self,
        name: str,
        dtype: np.dtype[np.generic],
        shape: Sequence[int],
        parts: Iterable[NDArray[np.generic]],
    ) -> onnx.TensorProto:
        """A mapped tensor from its rows in order, so that it is never whole in memory.

        Raises ValueError when `parts` are not as many numbers as `shape` says.
        """
        begin = self._next()
        for part in parts:
            self._file.write(np.ascontiguousarray(part, dtype).data)
        self._file.flush()
        size_bytes = self._file.tell() - begin
        if size_bytes != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
            raise ValueError(f"{name} got {size_bytes} bytes, not a tensor of shape {shape}")
        tensor = onnx.TensorProto(
            name=name, data_type=helper.np_dtype_to_tensor_dtype(dtype), dims=shape
        )
        put(tensor, Place(self._path, begin, size_bytes))
        return tensor

    def _next(self) -> int:
        """Where the next tensor begins."""
        self._file.write(b"\0" * (-self._file.tell() % ALIGNMENT_BYTES))
        return self._file.tell()
