"""The tensors of a model folder: headers first, then the mapped files."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from lathe.errors import CorruptModel, UnsupportedModel
from worker.engine.intake.hugging_face.folder import INDEX, SAVE

PLAIN = {"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"}


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor as its file's header declares it; safetensors checks that it is all there."""

    path: Path
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def stored(paths: Mapping[str, Path], shard_of: Mapping[str, str] | None) -> dict[str, Stored]:
    """Every tensor by its name, from the headers alone.

    `paths` are the files by their names in the folder, `shard_of` what its index says. Raises
    CorruptModel for a damaged file or an index that lies, UnsupportedModel for numbers that
    networks do not compute with.
    """
    found = {
        tensor: one
        for name, path in paths.items()
        for tensor, one in _declared(name, path).items()
        if shard_of is None or shard_of.get(tensor) == name
    }
    lost = sorted(set(shard_of or ()) - set(found))
    if lost:
        raise CorruptModel(
            f"{INDEX} lists {len(lost)} tensors that its files lack, such as "
            f"{lost[0][:100]!r}; {SAVE}"
        )
    return found


def tensors(held: Mapping[str, Stored]) -> dict[str, torch.Tensor]:
    """The tensors themselves, mapped from their files: nothing is read until it is used."""
    found: dict[str, torch.Tensor] = {}
    for path in sorted({one.path for one in held.values()}):
        with safe_open(path, framework="pt") as file:
            found |= {
                name: file.get_tensor(name) for name, one in held.items() if one.path == path
            }
    return found


def _declared(name: str, path: Path) -> dict[str, Stored]:
    try:
        with safe_open(path, framework="pt") as file:
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118 - no dict
            kinds = {key: one.get_dtype() for key, one in slices.items()}
            shapes = {key: tuple(one.get_shape()) for key, one in slices.items()}
    except SafetensorError as error:
        raise CorruptModel(f"{name!r} is no safetensors file ({error}); {SAVE}") from error
    for key, kind in kinds.items():
        if kind not in PLAIN:
            raise UnsupportedModel(
                f"the tensor {key[:100]!r} in {name!r} holds {kind} numbers; upload the model "
                "before it was quantized"
            )
    return {key: Stored(path, shape) for key, shape in shapes.items()}
