"""What travels between steps: a model and the traits that later steps must keep."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from lathe.errors import CorruptModel
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.write import write_model

FORMAT = 2  # of the file; the step cache's key holds one too
ENTRY = "lathe.checkpoint"


@dataclass(frozen=True, slots=True)
class QuantizedWeights:
    """An integer grid of one layer's weights: q = round(w / scale) + zero_point."""

    bits: int
    symmetric: bool
    axis: int | None


@dataclass(frozen=True, slots=True)
class Trait:
    """What a step did to one layer that a later step must not undo.

    `channels` is the output-channel count pruning left; `grid` the integers it was put on.
    """

    channels: int | None = None
    grid: QuantizedWeights | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after a step.

    `model` is float ONNX with the upload's io names until a lowering step replaces it;
    `lowered` says so. `traits` is keyed by layer id (the weight's name in the canonical
    ONNX). A step never edits the model it was given: it works on `private()`.
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
        """Ids of the layers that carry a trait."""
        yield from self.traits


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write one file, byte for byte the same for the same state, so that its hash can name
    the state: the model as ONNX, its large tensors aligned, the rest among its metadata."""
    traits = {
        layer: {
            "channels": trait.channels,
            "grid": None
            if trait.grid is None
            else {
                "bits": trait.grid.bits,
                "symmetric": trait.grid.symmetric,
                "axis": trait.grid.axis,
            },
        }
        for layer, trait in sorted(checkpoint.traits.items())
    }
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
    traits = {
        layer: Trait(
            channels=trait["channels"],
            grid=QuantizedWeights(**trait["grid"]) if trait["grid"] else None,
        )
        for layer, trait in state["traits"].items()
    }
    return Checkpoint(model=model, traits=traits, lowered=state["lowered"])


def _take(model: onnx.ModelProto) -> list[str]:
    """Take the entries of a checkpoint out of the metadata, in place."""
    said = [entry for entry in model.metadata_props if entry.key == ENTRY]
    for entry in said:
        model.metadata_props.remove(entry)
    return [entry.value for entry in said]
