"""Layer by layer through a net, each pruned by what it reads when those before it are."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context, Samples
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.calibration import Rows, as_many_as_fit, batched, unlabelled
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.site import Floats, Site, sites
from worker.engine.layerwise.stages import Stages
from worker.engine.layerwise.walk import S, walk
from worker.engine.onnx_file.array import array
from worker.engine.pace import Pace
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.facts import named
from worker.engine.run.examples import fixed_batch_of


@dataclass(frozen=True, slots=True)
class Looked:
    """The layers to prune, the net in stages, and what is fed to it."""

    sites: Sequence[Site]
    weights: dict[str, Floats]
    stages: Stages
    batches: Sequence[Arrays]

    @property
    def examples(self) -> int:
        """How many are looked at."""
        return sum(len(next(iter(batch.values()))) for batch in self.batches)


def readable(
    checkpoint: Checkpoint, names: Collection[str]
) -> tuple[list[Site], list[LeftAlone]]:
    """Those of the weights `names` whose inputs can be looked at, in graph order, and those
    that are left. Raises StepImpossible where all are."""
    found = [s for s in sites(checkpoint.model) if s.name in names and inputs_of(s)]
    seen = {site.name for site in found}
    alone = [LeftAlone(n, "its inputs cannot be looked at") for n in names if n not in seen]
    if not found:
        raise StepImpossible(f"there is no layer whose inputs tell: {named(alone)}")
    return found, alone


def examples_of(context: Context) -> tuple[Samples, Rows]:
    """What layers are looked at with; raises StepImpossible where there is nothing."""
    some = unlabelled(context)
    if some is None:
        raise StepImpossible(
            "which weights matter is told by a layer's inputs; give data.calibration, or "
            "data.train",
            param="data.calibration",
        )
    return some


def look(checkpoint: Checkpoint, chosen: Sequence[Site], context: Context) -> Looked:
    """Open the checkpoint's model before each of the layers `chosen`. Raises StepImpossible
    without examples."""
    some = examples_of(context)
    constants = initializers(checkpoint.model)
    weights = {s.name: np.asarray(array(constants[s.name]), np.float32) for s in chosen}
    stages = Stages(checkpoint.model, chosen, weights, inputs_of, context.threads)
    batches = batched(*some, fixed_batch_of(checkpoint.model))
    batches = as_many_as_fit(batches, stages.kept_bytes(batches[0], weights))
    return Looked(chosen, weights, stages, batches)


def pruned(
    looked: Looked,
    sums: Callable[[int, int], S],
    treat: Callable[[Site, Floats, S], Floats],
    context: Context,
) -> dict[str, Floats]:
    """New weights by name: `treat` gives those of a layer, (groups, rows, columns), from the
    old ones and the sums over its inputs in the net that is pruned so far."""
    present = dict(looked.weights)
    pace = Pace(context.progress, len(looked.sites), "layers")
    for seen in walk(looked.stages, looked.weights, present, looked.batches, sums):
        for site, total in seen:
            if total is None:
                raise ValueError(f"{site.name} has no inputs that can be looked at")
            new = treat(site, site.matrices(looked.weights[site.name]), total)
            present[site.name] = site.tensor(new)
            pace.add(1)
    return {site.name: present[site.name] for site in looked.sites}


def require_finite(site: Site, sums: NDArray[np.float64]) -> None:
    """Raises StepImpossible for sums over inputs that were not all finite."""
    if not np.isfinite(sums).all():
        raise StepImpossible(
            f"the inputs of {site.name!r} are NaN or infinite on calibration data",
            param="data.calibration",
        )
