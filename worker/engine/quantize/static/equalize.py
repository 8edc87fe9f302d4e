"""Cross-layer equalization: channels between two layers that use their ranges equally well.

Nagel, van Baalen, Blankevoort and Welling, "Data-Free Quantization Through Weight Equalization
and Bias Correction", arXiv:1906.04721, equations 9 to 11. Where f(s x) = s f(x) for s > 0,

    W2 f(W1 x + b1) = (W2 S) f(S^-1 W1 x + S^-1 b1),   s_i = sqrt(r1_i / r2_i)

    r1 (channels,)  largest |w| of each output channel of W1;  r2 that of each input channel of
                    W2;  S = diag(s)

after which both are sqrt(r1 r2). Pairs share layers, so all are gone through until nothing
moves. Departures: a channel without weights on either side stays, and s is kept within 1/256 to
256, so that a channel of hardly any weights does not take over the activation's range.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers
from worker.engine.layerwise.site import Site, sites
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.rewrite import rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.rate.post.vectors import biases

Doubles = NDArray[np.float64]

LAYERS = ("Conv", "Gemm")
HOMOGENEOUS = ("Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool")
ROUNDS = 50
STILL = 1e-3  # change of log s
MOST = 256.0
BIAS = 2  # place among a node's inputs


@dataclass(frozen=True, slots=True)
class Pair:
    """Two layers, of which the first alone feeds the second; `bias` is the first one's."""

    first: Site
    second: Site
    bias: str | None


def equalize(model: onnx.ModelProto, untouchable: Collection[str], spill: Spill) -> int:
    """Equalize every pair of layers without a tensor in `untouchable`, in place; how many.

    Pairs are Conv or Gemm with a HOMOGENEOUS operator between them, or several, or none.
    """
    pairs = [
        pair
        for pair in _pairs(model)
        if not {pair.first.name, pair.second.name, pair.bias} & {*untouchable}
    ]
    tensors = initializers(model)
    names = {name for p in pairs for name in (p.first.name, p.second.name, p.bias) if name}
    values = {name: array(tensors[name]).astype(np.float64) for name in names}
    total = [np.ones(_channels(pair)) for pair in pairs]
    for _ in range(ROUNDS):
        moved = 0.0
        for place, pair in enumerate(pairs):
            wanted = total[place] * _scales(pair, values)
            scales = np.clip(wanted, 1 / MOST, MOST) / total[place]
            total[place] *= scales
            _apply(pair, scales, values)
            moved = max(moved, float(np.abs(np.log(scales)).max()))
        if moved < STILL:
            break
    for name, value in values.items():
        rewrite(tensors[name], (value.reshape(-1).astype(np.float32),), spill)
    return len(pairs)


def balancing(first: Doubles, second: Doubles) -> Doubles:
    """S (channels,) of both ranges; 1 where one of them is 0."""
    both = (first > 0) & (second > 0)
    scales = np.ones_like(first)
    scales[both] = np.sqrt(first[both] / second[both])
    return scales


def _pairs(model: onnx.ModelProto) -> Iterator[Pair]:
    found = [
        site
        for site in sites(model)
        if len(site.readers) == 1
        and site.form != "plain"
        and site.readers[0].place == 1
        and site.readers[0].node.op_type in LAYERS
    ]
    second = {site.readers[0].node.input[0]: site for site in found}
    readers, added = consumers(model.graph), biases(model, found)
    handed_out = {output.name for output in model.graph.output}
    for site in found:
        node = site.readers[0].node
        fixed = len(node.input) > BIAS and node.input[BIAS] and site.name not in added
        value = node.output[0]
        while value not in handed_out and len(after := readers.get(value, [])) == 1:
            if value in second and after[0] is second[value].readers[0].node:
                if not fixed:
                    yield Pair(site, second[value], added.get(site.name))
                break
            if after[0].op_type not in HOMOGENEOUS:
                break
            value = after[0].output[0]


def _channels(pair: Pair) -> int:
    """Between the two layers."""
    return pair.first.shape[1 if pair.first.form == "columns" else 0]


def _by_output(site: Site, weight: Doubles) -> Doubles:
    """(channels, rest)"""
    return site.matrices(weight).reshape(-1, _columns(site))


def _by_input(site: Site, weight: Doubles) -> Doubles:
    """(groups, outputs of each, channels of each, rest)"""
    matrices = site.matrices(weight)
    channels = site.shape[1] if site.form == "convolution" else _columns(site)
    return matrices.reshape(*matrices.shape[:2], channels, -1)


def _columns(site: Site) -> int:
    return site.shape[0] if site.form == "columns" else site.elements // site.shape[0]


def _scales(pair: Pair, values: dict[str, Doubles]) -> Doubles:
    first = np.abs(_by_output(pair.first, values[pair.first.name])).max(axis=1)
    second = np.abs(_by_input(pair.second, values[pair.second.name])).max(axis=(1, 3))
    return balancing(first, second.reshape(-1))


def _apply(pair: Pair, scales: Doubles, values: dict[str, Doubles]) -> None:
    first, second = pair.first, pair.second
    rows = _by_output(first, values[first.name]) / scales[:, None]
    values[first.name] = first.tensor(rows.reshape(first.groups, -1, rows.shape[1]))
    blocks = _by_input(second, values[second.name])
    blocks = blocks * scales.reshape(len(blocks), 1, -1, 1)
    values[second.name] = second.tensor(blocks.reshape(*blocks.shape[:2], -1))
    if pair.bias is not None:
        values[pair.bias] = values[pair.bias] / scales.reshape(values[pair.bias].shape)
