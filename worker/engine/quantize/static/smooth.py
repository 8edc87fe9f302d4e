"""SmoothQuant: outliers of activations move into the weights that multiply them.

Xiao, Lin, Seznec, Wu, Demouth and Han, "SmoothQuant: Accurate and Efficient Post-Training
Quantization for Large Language Models", arXiv:2211.10438, equations 3 and 4:

    X W = (X diag(s)^-1) (diag(s) W),   s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)

    X  (tokens, in)  inputs, behind a LayerNormalization or a Mul by constants
    W  (in, out)     weights of all MatMul and Gemm that read X, side by side for the maximum

s goes into what makes X where nothing else reads X: scale and shift of the norm, factors of
the Mul, and the constants of an Add behind that Mul. Elsewhere, as where a residual reads a
norm as well, a Mul by 1 / s is put before the layers, which costs that much time. An input
that is always zero, or without weights, has s = 1.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers, producers
from worker.engine.layerwise.site import Site, sites
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.rewrite import rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.names import fresh
from worker.engine.quantize.static.feed import Feed

Doubles = NDArray[np.float64]

NORM = "LayerNormalization"
MULTIPLIERS = ("MatMul", "Gemm")


@dataclass(frozen=True, slots=True)
class Smoothed:
    """How many layers, of those the ones whose s went into what makes their inputs."""

    layers: int = 0
    folded: int = 0


@dataclass(frozen=True, slots=True)
class _Group:
    """The layers that read `value`. `constants` are the nodes and places of what makes it, to
    be divided by s; none where that cannot be."""

    value: str
    sites: tuple[Site, ...]
    constants: tuple[tuple[onnx.NodeProto, int], ...]

    @property
    def first(self) -> int:
        """The number of the first node that reads it; later groups are changed before."""
        return min(site.first for site in self.sites)


def smooth(
    model: onnx.ModelProto,
    alpha: float,
    untouchable: Collection[str],
    feed: Feed,
    spill: Spill,
) -> Smoothed:
    """Smooth every layer behind a norm or a Mul, in place; tensors in `untouchable` stay."""
    groups = sorted(_groups(model, untouchable), key=lambda group: -group.first)
    largest = _largest(model, [group.value for group in groups], feed)
    tensors = initializers(model)
    for group in groups:
        weights = [_by_input(site, array(tensors[site.name])) for site in group.sites]
        scales = smoothing(largest[group.value], np.concatenate(weights), alpha)
        for site, weight in zip(group.sites, weights, strict=True):
            scaled = site.tensor((weight * scales)[None]).astype(np.float32)
            rewrite(tensors[site.name], (scaled.reshape(-1),), spill)
        if group.constants:
            for node, place in group.constants:
                _divide(model, node, place, scales)
        else:
            _divide_before(model, group, scales)
    return Smoothed(
        sum(len(group.sites) for group in groups),
        sum(len(group.sites) for group in groups if group.constants),
    )


def smoothing(inputs: Doubles, weights: Doubles, alpha: float) -> Doubles:
    """S (in,) of the largest |x| of each input and weights (outputs, in)."""
    most = np.abs(weights).max(axis=0)
    used = (inputs > 0) & (most > 0)
    scales = np.ones_like(inputs)
    scales[used] = inputs[used] ** alpha / most[used] ** (1 - alpha)
    return scales


def _groups(model: onnx.ModelProto, untouchable: Collection[str]) -> Iterator[_Group]:
    readers, made_by = consumers(model.graph), producers(model.graph)
    handed_out = {output.name for output in model.graph.output}
    by_value: dict[str, list[Site]] = {}
    for site in sites(model):
        node = site.readers[0].node
        alone = len(site.readers) == 1 and site.readers[0].place == 1
        multiplies = site.form != "plain" and node.op_type in MULTIPLIERS
        if alone and multiplies and site.name not in untouchable:
            by_value.setdefault(node.input[0], []).append(site)
    for value, found in by_value.items():
        maker = made_by.get(value)
        places = [] if maker is None else _constants(model, maker, made_by, readers)
        if not places:
            continue
        held = any(node.input[place] in untouchable for node, place in places)
        elsewhere = value in handed_out or len(readers[value]) > len(found)
        yield _Group(value, tuple(found), () if held or elsewhere else tuple(places))


def _constants(
    model: onnx.ModelProto,
    maker: onnx.NodeProto,
    made_by: Mapping[str, onnx.NodeProto],
    readers: Mapping[str, Sequence[onnx.NodeProto]],
) -> list[tuple[onnx.NodeProto, int]]:
    """Where a norm, or a Mul with perhaps an Add behind it, has the constants that scale what
    it makes; none for anything else."""
    known = initializers(model)
    if maker.op_type == NORM:
        last = all(a.i == -1 for a in maker.attribute if a.name == "axis")
        places = [k for k in range(1, len(maker.input)) if maker.input[k]]
        constant = all(maker.input[k] in known for k in places)
        return [(maker, k) for k in places] if last and constant else []
    constant_at = [k for k, name in enumerate(maker.input) if _vector(name, known)]
    if len(constant_at) != 1 or maker.op_type not in {"Mul", "Add"}:
        return []
    if maker.op_type == "Mul":
        return [(maker, constant_at[0])]
    other = maker.input[1 - constant_at[0]]
    before = made_by.get(other)
    if before is None or before.op_type != "Mul" or len(readers[other]) > 1:
        return []
    factors = _constants(model, before, made_by, readers)
    return [*factors, (maker, constant_at[0])] if factors else []


def _vector(name: str, known: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether it is a number or a vector along the last axis."""
    return name in known and len(known[name].dims) <= 1


def _largest(model: onnx.ModelProto, names: Sequence[str], feed: Feed) -> dict[str, Doubles]:
    """The largest |x| of each entry of the last axis, by value."""
    found: dict[str, Doubles] = {}
    if not names:
        return found
    for batch in feed.values(model, names, done=0):
        for name, values in batch.items():
            rows = np.abs(values.reshape(-1, values.shape[-1])).max(axis=0)
            found[name] = np.maximum(found.get(name, 0.0), rows.astype(np.float64))
    return found


def _by_input(site: Site, weight: NDArray[np.generic]) -> Doubles:
    """(outputs, inputs)"""
    return np.asarray(site.matrices(weight)[0], np.float64)


def _divide(model: onnx.ModelProto, node: onnx.NodeProto, place: int, scales: Doubles) -> None:
    """The node reads a constant of its own, which is the old one over s."""
    old = initializers(model)[node.input[place]]
    values = array(old).astype(np.float64) / scales
    name = fresh(model.graph, f"{old.name}_smooth")
    model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    node.input[place] = name
    if old.name not in consumers(model.graph):
        model.graph.initializer.remove(old)


def _divide_before(model: onnx.ModelProto, group: _Group, scales: Doubles) -> None:
    """The group's layers read the value times 1 / s."""
    graph = model.graph
    factor, value = (fresh(graph, f"{group.value}_{role}") for role in ("factor", "smooth"))
    inverse = (1 / scales).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(inverse, factor))
    for site in group.sites:
        site.readers[0].node.input[0] = value
    node = helper.make_node("Mul", [group.value, factor], [value], name=value)
    graph.node.insert(group.first, node)
