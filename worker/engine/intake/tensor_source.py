"""The arrays of an uploaded safetensors file."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from worker.engine.intake.archive import ArchiveRefusedError
from worker.engine.intake.array_source import ArraySource
from worker.engine.intake.array_stream import stored_values
from worker.engine.intake.formats.window import window
from worker.engine.intake.tensor_file import StoredTensor, header_of
from worker.engine.onnx_file.place import Place
from worker.wire import Limits


@contextmanager
def open_tensor_file(place: Place, limits: Limits) -> Iterator[dict[str, ArraySource]]:
    """Arrays by name while the file is open; raises DamagedTensorFileError for a bad header.

    Raises ArchiveRefusedError for more tensors or bytes than the limits allow.
    """
    if place.size_bytes > limits.max_bytes:
        raise ArchiveRefusedError(f"it holds more than {limits.max_bytes} bytes")
    with window(place) as file:
        tensors = header_of(file, place.size_bytes)
        if len(tensors) > limits.max_members:
            raise ArchiveRefusedError(f"it holds more than {limits.max_members} tensors")
        yield {
            name: ArraySource(tensor.dtype, tensor.shape, partial(_values, file, tensor))
            for name, tensor in tensors.items()
        }


def _values(file: BinaryIO, tensor: StoredTensor) -> Iterator[NDArray[np.generic]]:
    file.seek(tensor.offset)
    dtype = np.dtype(tensor.dtype).newbyteorder("<")
    yield from stored_values(file.read, dtype, math.prod(tensor.shape))
