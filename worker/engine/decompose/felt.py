"""What layers make of their inputs, so that a decomposition can lose least of that.

    H  (columns, columns)  second moments of a layer's inputs on the calibration examples,
       with the original weights in all layers before it, damped by 0.01 of their mean diagonal

A tall matrix needs H, another one W H W^T, which are the second moments of its outputs; the
smaller of the two is all that is summed up (singular.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from worker.engine.context import Arrays, Context
from worker.engine.decompose.singular import gram, is_tall
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.calibration import as_many_as_fit, batched, unlabelled, words
from worker.engine.layerwise.rows import inputs_of, rows
from worker.engine.layerwise.site import Floats, Site
from worker.engine.layerwise.stages import Stages
from worker.engine.onnx_file.array import array
from worker.engine.pace import Pace
from worker.engine.run.examples import fixed_batch_of

DAMPING = 0.01  # of the mean diagonal
ROWS = 32_768  # of a layer's inputs, about, over all examples
FEWEST_ROWS = 64  # of a batch

Doubles = NDArray[np.float64]


def felt(
    model: onnx.ModelProto, sites: Sequence[Site], context: Context, folder: Path, last: float
) -> dict[str, Path]:
    """Files in `folder` by layer, each (groups, n, n) float64: H, or W H W^T.

    It is the step's part up to the fraction `last`. Raises StepImpossible without examples.
    """
    found = unlabelled(context)
    if found is None:
        raise StepImpossible(
            "whiten looks at examples; give data.calibration, or leave it out", param="whiten"
        )
    stages = Stages(model, sites, (), inputs_of, context.threads)
    batches = batched(*found, fixed_batch_of(model))
    batches = as_many_as_fit(batches, stages.kept_bytes(batches[0], {}))
    constants, paths = initializers(model), dict[str, Path]()
    masks = [words(batch) for batch in batches]
    pace = Pace(context.progress, len(stages.stages), "layers looked at", last=last)
    values = list(batches)
    for stage in stages.stages:
        values = [stages.run(stage, each, {}) for each in values]
        for site in stage.sites:
            weight = site.matrices(array(constants[site.name]).astype(np.float32, copy=False))
            paths[site.name] = folder / f"felt{len(paths)}.npy"
            np.save(paths[site.name], _summed(site, weight, values, masks))
        pace.add(1)
    return paths


def _summed(
    site: Site,
    weight: Floats,
    values: Iterable[Arrays],
    masks: Iterable[NDArray[np.bool_] | None],
) -> Doubles:
    batches = list(zip(values, masks, strict=True))
    most = max(ROWS // len(batches), FEWEST_ROWS)
    sums = Sums(weight)
    for number, (each, mask) in enumerate(batches):
        sums.add(rows(site, each, most, number, mask))
    return sums.mean()


@dataclass
class Sums:
    """Of one layer with `weight` (groups, rows, columns)."""

    weight: Floats
    squares: Doubles = field(init=False)
    power: Doubles = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        groups, *sides = self.weight.shape
        self.squares = np.zeros((groups, min(sides), min(sides)))
        self.power = np.zeros(groups)

    def add(self, inputs: Floats) -> None:
        """Some more inputs, (groups, rows, columns)."""
        tall = is_tall(*self.weight.shape[1:])
        seen = inputs if tall else inputs @ self.weight.transpose(0, 2, 1)
        self.squares += seen.transpose(0, 2, 1) @ seen
        self.power += np.square(inputs, dtype=np.float64).sum(axis=(1, 2))
        self.count += inputs.shape[1]

    def mean(self) -> Doubles:
        """H or W H W^T, damped. A group whose inputs were all zero is its weights alone."""
        tall = is_tall(*self.weight.shape[1:])
        diagonal = self.power / (max(self.count, 1) * self.weight.shape[2])
        ridge = np.where(diagonal > 0, DAMPING * diagonal, 1.0)[:, None, None]
        plain = np.eye(self.squares.shape[1])[None] if tall else gram(self.weight)
        return self.squares / max(self.count, 1) + ridge * plain
