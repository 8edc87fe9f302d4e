"""What travels between steps: a model and the traits that later steps must keep."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.errors import CorruptModel
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.write import write_model

FORMAT = 3  # of the file; the step cache's key holds one too
ENTRY = "lathe.checkpoint"
BELOW_BFLOAT16 = np.uint32(0xFFFF)  # bits of a float32 that a bfloat16 does not have


@dataclass(frozen=True, slots=True)
class QuantizedWeights:
    """An integer grid of one layer's weights: q = round(w / scale) + zero_point."""

    bits: int
    symmetric: bool
    axis: int | None


@dataclass(frozen=True, slots=True)
class Multiples:
    """Float weights that are whole multiples of a step: every value is exactly
    `np.float32(q) * np.float32(step)` with an integer q, |q| <= `most`.

    One step for the tensor where `axis` is None, else one for each index of that axis of the
    ONNX tensor. Steps are positive and bfloat16 numbers, so that two bytes hold one.
    """

    steps: tuple[float, ...]
    axis: int | None
    most: int

    def __post_init__(self) -> None:
        steps = np.array(self.steps, np.float32)
        lost = (steps.view(np.uint32) & BELOW_BFLOAT16) != 0
        if self.most < 1 or not self.steps or (self.axis is None and len(self.steps) > 1):
            raise ValueError(f"{len(self.steps)} steps on axis {self.axis}, most {self.most}")
        if lost.any() or not np.all(np.isfinite(steps) & (steps > 0)):
            raise ValueError("every step must be a positive bfloat16 number")

    def fit(self, shape: Sequence[int]) -> bool:
        """Whether a tensor of `shape` has as many indices on the axis as there are steps."""
        if self.axis is None:
            return True
        return 0 <= self.axis < len(shape) and shape[self.axis] == len(self.steps)

    def along(self, rank: int) -> NDArray[np.float32]:
        """The steps as float32, shaped to be broadcast over a tensor of `rank` axes."""
        shape = [-1 if axis == self.axis else 1 for axis in range(rank)]
        return np.array(self.steps, np.float32).reshape(shape)


@dataclass(frozen=True, slots=True)
class Trait:
    """What a step did to one tensor that a later step must not undo.

    `channels` is the output-channel count pruning left; `grid` the integers it was put on.
    The others speak of float values, which the tensor itself holds: where it is `sparse` its
    zeros stay zero; a `codebook` of k means at most k distinct nonzero values, and what is
    equal stays equal; `multiples` name the steps that the values are multiples of.
    """

    channels: int | None = None
    grid: QuantizedWeights | None = None
    sparse: bool = False
    codebook: int | None = None
    multiples: Multiples | None = None

    @property
    def holds_values(self) -> bool:
        """Whether the tensor's values lie on a set that scaling would take them off."""
        return self.grid is not None or self.codebook is not None or self.multiples is not None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after a step.

    `model` is float ONNX with the upload's io names until a lowering step replaces it;
    `lowered` says so. `traits` is keyed by the tensor's name in the canonical ONNX, which for
    a weight is its layer's id. A step never edits the model it was given: it works on
    `private()`.
    """

    model: onnx.ModelProto
    traits: dict[str, Trait] = field(default_factory=dict)
    lowered: bool = False

    def private(self) -> onnx.ModelProto:
        """A copy of the model that the caller may change."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        return copy

    def layers(self) -> Iterator[str]:
        """Names of the tensors that carry a trait."""
        yield from self.traits


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write one file, byte for byte the same for the same state, so that its hash can name
    the state: the model as ONNX, its large tensors aligned, the rest among its metadata."""
    traits = {layer: asdict(trait) for layer, trait in sorted(checkpoint.traits.items())}
    state = {"version": FORMAT, "lowered": checkpoint.lowered, "traits": traits}
    model = checkpoint.private()
    _take(model)  # an upload may have brought its own
    model.metadata_props.add(key=ENTRY, value=json.dumps(state, sort_keys=True))
    write_model(model, path, aligned=True)


def load(path: Path) -> Checkpoint:
    """Read what `save` wrote, large tensors mapped: the file must outlive the model. Raises
    CorruptModel for anything else."""
    model = read_model(path)
    said = _take(model)
    state = json.loads(said[0]) if said else {}
    if state.get("version") != FORMAT:
        raise CorruptModel(f"{path.name} is not a checkpoint of version {FORMAT}")
    traits = {layer: _trait(said) for layer, said in state["traits"].items()}
    return Checkpoint(model=model, traits=traits, lowered=state["lowered"])


def _trait(said: dict[str, Any]) -> Trait:
    grid, multiples = said["grid"], said["multiples"]
    return Trait(
        channels=said["channels"],
        grid=QuantizedWeights(**grid) if grid else None,
        sparse=said["sparse"],
        codebook=said["codebook"],
        multiples=Multiples(**multiples | {"steps": tuple(multiples["steps"])})
        if multiples
        else None,
    )


def _take(model: onnx.ModelProto) -> list[str]:
    """Take the entries of a checkpoint out of the metadata, in place."""
    said = [entry for entry in model.metadata_props if entry.key == ENTRY]
    for entry in said:
        model.metadata_props.remove(entry)
    return [entry.value for entry in said]
