"""How much a weight's error matters to the model's outputs.

    F_l = E sum (y(w + d) - y(w))^2 / (E sum (y - mean y)^2 n_l s^2),   d ~ N(0, s^2) in layer l

which for small s is the mean diagonal of the Gauss-Newton matrix J^T J of the outputs over
the layer's n_l weights, relative to what the outputs vary by. It is measured by forward
passes alone, so any graph will do, and no labels are needed; the curvature of a cross entropy
would be no use here, because it vanishes where a network is sure of all it was trained on.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lathe.errors import StepImpossible
from worker.engine.context import Arrays
from worker.engine.layerwise.site import Floats, Site
from worker.engine.layerwise.stages import Stages

NOISE = 0.03  # s in root mean squares of the layer's weights
PROBES = 2
BATCHES = 2


def sensitivities(
    stages: Stages,
    sites: Sequence[Site],
    weights: Mapping[str, Floats],
    batches: Sequence[Arrays],
    seed: int,
    tick: Callable[[], None],
) -> dict[str, float]:
    """F by the names of `sites`; `tick` is called once a site and batch. Where no output is a
    float or none of them varies, all are 0. Raises StepImpossible for outputs that are not
    finite."""
    draw = np.random.default_rng(seed)
    found = {site.name: 0.0 for site in sites}
    looked_at = batches[:BATCHES]
    for batch in looked_at:
        values = [batch]
        for stage in stages.stages:
            values.append(stages.run(stage, values[-1], weights))
        outputs = {name: values[-1][name] for name in stages.outputs}
        energies = _energies(outputs)
        for site in sites:
            for _ in range(PROBES):
                other, noise = _shaken(site, weights[site.name], draw)
                first = stages.reading(site)
                said = values[first]
                for stage in stages.stages[first:]:
                    said = stages.run(stage, said, {**weights, site.name: other})
                if noise:
                    found[site.name] += _change(outputs, said, energies) / noise
            tick()
    return {name: value / (len(looked_at) * PROBES) for name, value in found.items()}


def _shaken(site: Site, weight: Floats, draw: np.random.Generator) -> tuple[Floats, float]:
    """The weight with noise, and n_l s^2; 0 for a weight that is zero."""
    deviation = NOISE * float(np.sqrt(np.mean(np.square(weight, dtype=np.float64))))
    noise = draw.standard_normal(site.shape, np.float32) * np.float32(deviation)
    return weight + noise, site.elements * deviation**2


def _energies(outputs: Arrays) -> dict[str, float]:
    """What each float output varies by, over examples where there are several."""
    energies = {}
    for name, value in outputs.items():
        if value.dtype.kind != "f":
            continue
        y = value.astype(np.float64)
        if not np.isfinite(y).all():
            raise StepImpossible(
                f"the output {name!r} is NaN or infinite on calibration data",
                param="data.calibration",
            )
        centre = y.mean(axis=0) if y.ndim and len(y) > 1 else 0.0
        if energy := float(np.square(y - centre).sum()):
            energies[name] = energy
    return energies


def _change(outputs: Arrays, said: Arrays, energies: Mapping[str, float]) -> float:
    """Mean over outputs of the squared change relative to the energy; an output whose shape
    depends on its values does not count when it changes."""
    changes = []
    for name, energy in energies.items():
        if outputs[name].shape == said[name].shape:
            apart = said[name].astype(np.float64) - outputs[name].astype(np.float64)
            changes.append(float(np.square(apart).sum()) / energy)
    known = [change for change in changes if np.isfinite(change)]
    return float(np.mean(known)) if known else 0.0
