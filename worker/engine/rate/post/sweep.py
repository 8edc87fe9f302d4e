"""One pass over the net, layer after layer, each coded on inputs of the coded ones before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from worker.engine.context import Arrays
from worker.engine.layerwise.moments import Moments
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.site import Floats, Site
from worker.engine.layerwise.stages import Stages
from worker.engine.layerwise.walk import walk
from worker.engine.rate.post.coded_net import CodedNet, CodedTensor
from worker.engine.rate.post.layer import code_layer
from worker.engine.rate.post.net import Net
from worker.engine.rate.post.steps import filled_step, step_from_weights
from worker.engine.rate.post.vectors import on_fine_grid


def from_weights(net: Net, distortion: float) -> CodedNet:
    """Without any example: every weight rounded to a step from its layer's spread."""
    tensors = {}
    for site in net.sites:
        weight = net.tensors[site.name]
        tensors[site.name] = _nearest(weight, step_from_weights(distortion, weight))
    nearest = tuple(site.name for site in net.sites)
    return CodedNet({**tensors, **_vectors(net, {})}, nearest=nearest)


def with_feedback(
    net: Net,
    stages: Stages,
    batches: Sequence[Arrays],
    level: float,
    sensitivity: Mapping[str, float],
    tick: Callable[[], None],
) -> CodedNet:
    """Every weight at the water level `level` (see steps.py); `tick` is called once a stage."""
    present = net.tensors | {name: v.values for name, v in _vectors(net, {}).items()}
    sweep = _Sweep(net, level, sensitivity, present)
    for seen in walk(stages, net.tensors, sweep.present, batches, Moments):
        for site, moments in seen:
            sweep.code(site, moments)
        tick()
    vectors = _vectors(net, sweep.shifted)
    floats = {name: b for name, b in sweep.shifted.items() if name not in vectors}
    nearest = tuple(site.name for site in net.sites if not inputs_of(site))
    return CodedNet({**sweep.tensors, **vectors}, floats, nearest)


@dataclass
class _Sweep:
    net: Net
    level: float
    sensitivity: Mapping[str, float]
    present: dict[str, Floats]
    tensors: dict[str, CodedTensor] = field(default_factory=dict)
    shifted: dict[str, Floats] = field(default_factory=dict)

    def code(self, site: Site, moments: Moments | None) -> None:
        """Code one layer, of whose inputs `moments` are known, or nothing is."""
        if moments is None:
            self._plain(site)
        else:
            self._layer(site, moments)

    def _plain(self, site: Site) -> None:
        weight = self.net.tensors[site.name]
        step = filled_step(self.level, self.sensitivity[site.name], weight)
        self._take(site, _nearest(weight, step))

    def _layer(self, site: Site, moments: Moments) -> None:
        bias = self.net.biases.get(site.name)
        fixed = self.net.fixed.get(site.name)
        layer = code_layer(
            site.matrices(self.net.tensors[site.name]),
            moments,
            self.level,
            self.sensitivity[site.name],
            has_bias=bias is not None,
            kept=None if fixed is None else site.matrices(~fixed),
        )
        self._take(site, CodedTensor(site.tensor(layer.codes), layer.step))
        if bias is not None and layer.shift is not None:
            old = self.net.tensors[bias]
            new = (old.ravel() + layer.shift).reshape(old.shape).astype(np.float32)
            self.shifted[bias] = new
            grid = on_fine_grid(new) if bias in self.net.vectors else None
            self.present[bias] = new if grid is None else CodedTensor(*grid).values

    def _take(self, site: Site, tensor: CodedTensor) -> None:
        self.tensors[site.name] = tensor
        self.present[site.name] = tensor.values


def _nearest(weight: Floats, step: float) -> CodedTensor:
    return CodedTensor(np.rint(weight / np.float32(step)).astype(np.int32), step)


def _vectors(net: Net, shifted: Mapping[str, Floats]) -> dict[str, CodedTensor]:
    grids = {n: on_fine_grid(shifted.get(n, net.tensors[n])) for n in net.vectors}
    return {name: CodedTensor(*grid) for name, grid in grids.items() if grid is not None}
