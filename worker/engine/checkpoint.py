"""What travels between steps: a model and the traits that later steps must keep."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from lathe.errors import CorruptModel


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
    """Write one file: an uncompressed zip of `model.onnx` and `traits.json`, byte for byte
    the same for the same state (fixed dates), so that its hash can name the state."""
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
    state = {"version": 1, "lowered": checkpoint.lowered, "traits": traits}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        model = checkpoint.model.SerializeToString(deterministic=True)
        archive.writestr(zipfile.ZipInfo("model.onnx"), model)
        archive.writestr(zipfile.ZipInfo("traits.json"), json.dumps(state, sort_keys=True))


def load(path: Path) -> Checkpoint:
    """Read what `save` wrote; raises CorruptModel for anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            state = json.loads(archive.read("traits.json"))
            model = onnx.load_from_string(archive.read("model.onnx"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CorruptModel(f"{path.name} is not a checkpoint: {error}") from error
    traits = {
        layer: Trait(
            channels=trait["channels"],
            grid=QuantizedWeights(**trait["grid"]) if trait["grid"] else None,
        )
        for layer, trait in state["traits"].items()
    }
    return Checkpoint(model=model, traits=traits, lowered=state["lowered"])
