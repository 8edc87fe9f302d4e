"""The layers that read the channels of a group, scored and fitted anew without some of them.

Layers whose inputs can be looked at (layerwise/rows.py) count: Conv in one group, Gemm and
MatMul. Others, as an LSTM behind a convolution, read what is left as they are. A LayerNorm
that becomes narrower is not foreseen: layers behind it are fitted to its whole output.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from lathe.errors import StepImpossible
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.aim import aim
from worker.engine.layerwise.moments import Doubles, Moments
from worker.engine.layerwise.site import Floats, Scalar, Site, sites
from worker.engine.layerwise.walk import walk
from worker.engine.pace import Pace
from worker.engine.prune.channels.budget import Costs
from worker.engine.prune.channels.reconstruction import Reader, added_losses
from worker.engine.prune.coupling import Group, Kept, LeftAlone, positions
from worker.engine.prune.facts import named
from worker.engine.prune.importance import Scores
from worker.engine.prune.layer_by_layer import look, pruned, require_finite
from worker.engine.view import TorchView

CUT = {"convolution", "rows", "columns"}  # forms of a site


@dataclass
class Seconds:
    """The sum of x x^T over rows of the original net, (groups, columns, columns)."""

    groups: int
    columns: int
    own: Doubles = field(init=False)

    def __post_init__(self) -> None:
        self.own = np.zeros((self.groups, self.columns, self.columns))

    def add(self, rows: Floats, coded: Floats) -> None:
        """Rows (groups, rows, columns); what the changed net has is not looked at."""
        del coded
        for group in range(self.groups):
            self.own[group] += rows[group].T @ rows[group]


def by_what_reads_them(
    view: TorchView, model: onnx.ModelProto, groups: Sequence[Group]
) -> tuple[list[Group], list[LeftAlone]]:
    """The groups of which the inputs of a reading layer can be looked at, and the layers that
    make the others. Raises StepImpossible where there are none of the first."""
    reading, ids = _reading(view, model), {path: name for name, path in view.layers.items()}
    read: list[Group] = []
    alone: list[LeftAlone] = []
    for group in groups:
        if any(m.side == "in" and m.path in reading for m in group.members):
            read.append(group)
        else:
            made = [ids[m.path] for m in group.members if m.side != "in" and m.path in ids]
            alone += [
                LeftAlone(name, "the inputs of what reads it cannot be looked at")
                for name in made
            ]
    if groups and not read:
        raise StepImpossible(
            f"no layer can be scored by reconstruction: {named(alone)}; prune.channels has "
            "other criteria",
            param="criterion",
        )
    return read, alone


def losses_without(
    checkpoint: Checkpoint,
    view: TorchView,
    groups: Sequence[Group],
    costs: Costs,
    context: Context,
) -> Scores:
    """What each unit adds to the relative error of the layers that read it, for each unit of
    cost it saves: comparable across groups, (units,) a group. Raises StepImpossible without
    examples, or for inputs that are not finite."""
    reading = _reading(view, checkpoint.model)
    read = {m.path for group in groups for m in group.members if m.side == "in"}
    chosen = [site for path, site in reading.items() if path in read]
    looked = look(checkpoint, chosen, context)
    moments: dict[str, Doubles] = {}

    pace = Pace(context.progress, len(chosen), "layers")
    for seen in walk(looked.stages, looked.weights, looked.weights, looked.batches, Seconds):
        for layer, sums in seen:
            if sums is None:
                raise ValueError(f"{layer.name} has no inputs that can be looked at")
            require_finite(layer, sums.own)
            moments[layer.name] = sums.own[0]
            pace.add(1)
    found = []
    for group in groups:
        readers = [
            Reader(
                site.matrices(looked.weights[site.name])[0],
                moments[site.name],
                _of_columns(site, member.unit),
                group.units,
            )
            for member in group.members
            if member.side == "in" and (site := reading.get(member.path)) is not None
        ]
        found.append(added_losses(readers, group.units) / _saved_by_one(costs, group))
    return found


def fitted_anew(
    checkpoint: Checkpoint,
    view: TorchView,
    groups: Sequence[Group],
    kept: Sequence[Kept],
    context: Context,
) -> tuple[Checkpoint, int]:
    """The checkpoint whose layers do without what `kept` leaves out of their inputs, by least
    squares on inputs of the net as it then is (layerwise/aim.py), and how many they are.
    Layers whose weights an earlier step holds stay. Raises as `losses_without`."""
    masks = positions(groups, kept)
    stays: dict[str, Kept] = {}
    chosen: list[Site] = []
    for path, site in _reading(view, checkpoint.model).items():
        mask = masks.get((path, "in"))
        if mask is not None and not mask.all() and _is_free(checkpoint, site):
            stays[site.name] = _of_columns(site, mask)
            chosen.append(site)
    if not chosen:
        return checkpoint, 0

    def treat(site: Site, matrices: Floats, moments: Moments) -> Floats:
        own, cross = moments.raw(0)
        require_finite(site, own)
        return aim(matrices[0], own, cross, stays[site.name])[None]

    values = pruned(look(checkpoint, chosen, context), Moments, treat, context)
    model = checkpoint.private()
    there = initializers(model)
    for name, value in values.items():
        there[name].CopyFrom(numpy_helper.from_array(value, name))
    return replace(checkpoint, model=model), len(values)


def _reading(view: TorchView, model: onnx.ModelProto) -> dict[str, Site]:
    """The layers whose inputs can be looked at and cut, by path, in graph order."""
    return {
        view.layers[site.name]: site
        for site in sites(model)
        if site.name in view.layers and site.form in CUT and site.groups == 1
    }


def _of_columns(site: Site, of_channels: NDArray[Scalar]) -> NDArray[Scalar]:
    """(columns,) from (channels,): a kernel has several columns for each channel it reads."""
    columns = site.matrices(np.empty(site.shape, np.bool_)).shape[-1]
    return np.repeat(of_channels, columns // len(of_channels))


def _saved_by_one(costs: Costs, group: Group) -> int:
    """What the cost falls by when the first unit goes; at least 1."""
    kept = group.everything()
    kept[0] = False
    return max(costs.total - costs.left([group], [kept]), 1)


def _is_free(checkpoint: Checkpoint, site: Site) -> bool:
    trait = checkpoint.traits.get(site.name, Trait())
    return replace(trait, channels=None) == Trait()
