"""How much of each unit is heard on real inputs.

    output = sqrt(sum over W of mean ||x_u W_u||^2)

x are rows of inputs of the weights W that hear the unit, x_u and W_u its entries and its
columns. It is the root mean square of what the unit adds to their sums, so it sees both how
active a unit is and how much is made of it.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.calibration import as_many_as_fit, words
from worker.engine.layerwise.rows import inputs_of, rows
from worker.engine.layerwise.site import Floats, sites
from worker.engine.layerwise.stages import Stages
from worker.engine.onnx_file.array import array
from worker.engine.pace import Pace
from worker.engine.prune.along.coupled import Coupled, Units
from worker.engine.prune.coupling import ELSEWHERE
from worker.engine.prune.evidence import Unlabelled
from worker.engine.prune.importance import Scores

ROWS = 4096  # of a layer's inputs in a batch
SCORED = 0.9  # fraction of the step when all is heard


def loudness(
    checkpoint: Checkpoint, groups: Sequence[Coupled], shown: Unlabelled, context: Context
) -> Scores:
    """One array (units,) a group.

    Weights whose inputs are not among the values of the graph are left out: R of an LSTM that
    gives its last state alone. Raises StepImpossible where none is left for a group.
    """
    model = checkpoint.model
    heard = _heard(groups)
    places = [s for s in sites(model) if s.name in heard and inputs_of(s)]
    _require_all(groups, {site.name for site in places})
    weights = initializers(model)
    stages = Stages(model, places, (), inputs_of, context.threads)
    batches = as_many_as_fit(shown.batches, stages.kept_bytes(shown.batches[0], {}))
    masks = [words(batch) for batch in batches]
    pace = Pace(context.progress, len(stages.stages), "layers", last=SCORED)
    squares = [np.zeros(group.units) for group in groups]
    values = list(batches)
    for stage in stages.stages:
        values = [stages.run(stage, each, {}) for each in values]
        for site in stage.sites:
            weight = site.matrices(np.asarray(array(weights[site.name]), np.float32))
            for number, (each, mask) in enumerate(zip(values, masks, strict=True)):
                seen = rows(site, each, ROWS, number, mask)
                for group, unit in heard[site.name]:
                    squares[group] += energies(unit, len(squares[group]), weight, seen)
        pace.add(1)
    return [np.sqrt(total / len(batches)) for total in squares]


def energies(unit: Units, units: int, weight: Floats, inputs: Floats) -> NDArray[np.float64]:
    """Mean ||x_u W_u||^2 over the rows, for each of `units` units; `unit` (in,) owns the
    columns of `weight` (g, out, in) and of `inputs` (g, rows, in)."""
    found = np.zeros(units)
    for number in np.unique(unit[unit != ELSEWHERE]):
        x, w = inputs[..., unit == number], weight[..., unit == number]
        power = (x.transpose(0, 2, 1) @ x) * (w.transpose(0, 2, 1) @ w)  # (g, its, its)
        found[number] = power.sum(dtype=np.float64) / inputs.shape[1]
    return found


def _heard(groups: Sequence[Coupled]) -> dict[str, list[tuple[int, Units]]]:
    """By weight, the groups that it hears and who owns its columns."""
    found: dict[str, list[tuple[int, Units]]] = {}
    for number, group in enumerate(groups):
        for along in group.readers:
            found.setdefault(along.value, []).append((number, along.unit))
    return found


def _require_all(groups: Sequence[Coupled], seen: Collection[str]) -> None:
    for group in groups:
        if not any(along.value in seen for along in group.readers):
            raise StepImpossible(
                f"the criterion output cannot look at what {group.name} adds; take another",
                param="criterion",
            )
