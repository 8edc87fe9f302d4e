"""The tensors of a .pt2 program, mapped from the archive: raw little-endian numbers, never a
pickle."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch._export.serde.schema import ScalarType
from torch._export.serde.serialize import deserialize_scalar_type

from lathe.errors import CorruptModel, UnsupportedModel
from worker.engine.onnx_file.place import Place

MOST_TEXT_BYTES = 64 << 20


def tensors(files: Mapping[str, Place], folder: str, config: str) -> dict[str, torch.Tensor]:
    """The tensors that the file `config` lists, by their names in the program.

    `folder` is where their bytes lie. Raises CorruptModel where the list lies about a file,
    UnsupportedModel for a pickle.
    """
    listed = json.loads(content(files, f"{folder}{config}"))["config"]
    return {name: _tensor(files, folder, name, said) for name, said in listed.items()}


def content(files: Mapping[str, Place], name: str) -> bytes:
    """The bytes of a text member; raises CorruptModel where there is none, UnsupportedModel
    for one that is too large to be text."""
    place = files.get(name)
    if place is None:
        raise CorruptModel(f"the .pt2 archive lacks {name!r}; save it again")
    if place.size_bytes > MOST_TEXT_BYTES:
        raise UnsupportedModel(
            f"{name!r} of the .pt2 archive has more than {MOST_TEXT_BYTES} bytes; export the "
            "model to ONNX"
        )
    with place.path.open("rb") as file:
        file.seek(place.offset)
        return file.read(place.size_bytes)


def _tensor(
    files: Mapping[str, Place], folder: str, name: str, said: dict[str, Any]
) -> torch.Tensor:
    if said["use_pickle"]:
        raise UnsupportedModel(
            f"the tensor {name!r} of the .pt2 program is a pickle, which runs code; save the "
            "program with plain tensors, or export it to ONNX"
        )
    place, meta = files.get(f"{folder}{said['path_name']}"), said["tensor_meta"]
    if place is None:
        raise CorruptModel(f"the .pt2 archive lacks the tensor {name!r}; save it again")
    dtype = deserialize_scalar_type(ScalarType(meta["dtype"]))
    sizes, strides = ([one["as_int"] for one in meta[key]] for key in ("sizes", "strides"))
    offset = meta["storage_offset"]["as_int"]
    if not all(type(number) is int for number in (offset, *sizes, *strides)):
        raise CorruptModel(f"the shape of the tensor {name!r} is not in whole numbers")
    last = offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    held = place.size_bytes // dtype.itemsize
    if min([offset, *sizes, *strides]) < 0 or (0 not in sizes and last >= held):
        raise CorruptModel(f"the tensor {name!r} is larger than its file in the .pt2 archive")
    raw = (
        np.memmap(place.path, np.uint8, "c", place.offset, held * dtype.itemsize)
        if held
        else np.empty(0, np.uint8)
    )
    value = torch.as_strided(torch.from_numpy(raw).view(dtype), sizes, strides, offset)
    return torch.nn.Parameter(value, requires_grad=False) if said["is_param"] else value
