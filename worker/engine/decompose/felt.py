"""What layers make of their inputs, so that a decomposition can lose least of that.

    H  (columns, columns)  second moments of a layer's inputs on the calibration examples,
       with the original weights in all layers before it, damped by 0.01 of their mean diagonal

A tall matrix needs H, another one W H W^T, which are the second moments of its outputs; the
smaller of the two is all that is summed up (singular.py). Where the layer has a bias of its
own, moments are those about the mean m of the inputs, and the bias takes up what is lost of
the mean: b' = b + (W - W') m (Zhang et al. 2015, arXiv:1505.06798, equation 4).
"""

from collections.abc import Collection, Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Felt:
    """Of one layer: the file of H, or W H W^T, (groups, n, n) float64; and the mean of its
    inputs (groups, columns) where that was taken out."""

    moments: Path
    mean: Doubles | None


def felt(
    model: onnx.ModelProto,
    sites: Sequence[Site],
    biased: Collection[str],
    context: Context,
    folder: Path,
    last: float,
) -> dict[str, Felt]:
    """By layer, files in `folder`; the means of the layers `biased` are taken out.

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
    constants, seen = initializers(model), dict[str, Felt]()
    masks = [words(batch) for batch in batches]
    pace = Pace(context.progress, len(stages.stages), "layers looked at", last=last)
    values = list(batches)
    for stage in stages.stages:
        values = [stages.run(stage, each, {}) for each in values]
        for site in stage.sites:
            weight = site.matrices(array(constants[site.name]).astype(np.float32, copy=False))
            sums = _summed(site, weight, values, masks)
            centred = site.name in biased
            path = folder / f"felt{len(seen)}.npy"
            np.save(path, sums.moments(centred=centred))
            seen[site.name] = Felt(path, sums.mean if centred else None)
        pace.add(1)
    return seen


def _summed(
    site: Site,
    weight: Floats,
    values: Iterable[Arrays],
    masks: Iterable[NDArray[np.bool_] | None],
) -> "Sums":
    batches = list(zip(values, masks, strict=True))
    most = max(ROWS // len(batches), FEWEST_ROWS)
    sums = Sums(weight)
    for number, (each, mask) in enumerate(batches):
        sums.add(rows(site, each, most, number, mask))
    return sums


@dataclass
class Sums:
    """Of one layer with `weight` (groups, rows, columns)."""

    weight: Floats
    squares: Doubles = field(init=False)
    total: Doubles = field(init=False)
    power: Doubles = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        groups, *sides = self.weight.shape
        self.squares = np.zeros((groups, min(sides), min(sides)))
        self.total = np.zeros((groups, sides[1]))
        self.power = np.zeros(groups)

    def add(self, inputs: Floats) -> None:
        """Some more inputs, (groups, rows, columns)."""
        tall = is_tall(*self.weight.shape[1:])
        seen = inputs if tall else inputs @ self.weight.transpose(0, 2, 1)
        self.squares += seen.transpose(0, 2, 1) @ seen
        self.total += inputs.sum(axis=1, dtype=np.float64)
        self.power += np.square(inputs, dtype=np.float64).sum(axis=(1, 2))
        self.count += inputs.shape[1]

    @property
    def mean(self) -> Doubles:
        """(groups, columns) of the inputs."""
        return self.total / max(self.count, 1)

    def moments(self, *, centred: bool) -> Doubles:
        """H or W H W^T, damped. A group whose inputs never differ is its weights alone."""
        tall = is_tall(*self.weight.shape[1:])
        squares, power = self.squares / max(self.count, 1), self.power / max(self.count, 1)
        if centred:
            middle = self.mean[:, :, None]
            power = power - np.square(middle).sum(axis=(1, 2))
            middle = middle if tall else self.weight @ middle
            squares = squares - middle @ middle.transpose(0, 2, 1)
        diagonal = power / self.weight.shape[2]
        ridge = np.where(diagonal > 0, DAMPING * diagonal, 1.0)[:, None, None]
        plain = np.eye(squares.shape[1])[None] if tall else gram(self.weight)
        return np.asarray(squares + ridge * plain, np.float64)
