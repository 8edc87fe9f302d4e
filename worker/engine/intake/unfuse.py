"""Operators that onnxruntime's own optimiser fused become the standard ones they stand for.

A file that was saved after optimisation holds operators of the domain com.microsoft, which
nothing but onnxruntime reads and no technique can train. onnxruntime fuses them again when it
loads the result.

    Gelu(x)                          x/2 (1 + erf(x / sqrt 2))
    BiasGelu(x, b)                   Gelu(x + b)
    QuickGelu(x)                     x sigmoid(alpha x)
    FastGelu(x, b)                   z/2 (1 + tanh(z (0.0356774 z^2 + 0.797885))), z = x + b
    FusedConv, FusedGemm             Conv or Gemm (and the sum with z), then the activation
    FusedMatMul(a, b)                alpha a' b', each turned in its last two axes where asked
    SkipLayerNormalization           LayerNormalization(x + skip + bias) (opset 17)
    SkipSimplifiedLayerNormalization z / sqrt(mean z^2 + epsilon) gamma, z = x + skip + bias
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.graph.operators import every_node
from worker.engine.intake.opset import opset_of

Nodes = list[onnx.NodeProto]
DOMAIN = "com.microsoft"
LAYER_NORM_OPSET = 17
AXES_INPUT_OPSET = 18  # of ReduceMean
MATRIX_RANK = 2
ACTIVATIONS = {  # name -> the attributes that it takes, in the order of activation_params
    "Relu": (), "Sigmoid": (), "Tanh": (), "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
}  # fmt: skip


def unfuse(model: onnx.ModelProto) -> None:
    """Rewrite those nodes of the main graph, in place; any other of the domain stays."""
    nodes: Nodes = []
    for node in model.graph.node:
        write = FORMS.get(node.op_type) if node.domain == DOMAIN else None
        written = write(_Writer(model, node)) if write is not None else None
        nodes += [node] if written is None else written
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    if all(node.domain != DOMAIN for node in every_node(model.graph)):
        kept = [entry for entry in model.opset_import if entry.domain != DOMAIN]
        del model.opset_import[:]
        model.opset_import.extend(kept)


@dataclass(slots=True)
class _Writer:
    """The nodes that take one node's place; values in between are named after its output."""

    model: onnx.ModelProto
    node: onnx.NodeProto
    nodes: Nodes = field(default_factory=list)
    attributes: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.attributes = {a.name: helper.get_attribute_value(a) for a in self.node.attribute}

    def input(self, place: int) -> str:
        """The name there; empty where it is left out."""
        return self.node.input[place] if place < len(self.node.input) else ""

    def output(self, place: int) -> str:
        """The name there; empty where it is left out."""
        return self.node.output[place] if place < len(self.node.output) else ""

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One more node; the name of what it makes."""
        name = f"{self.node.output[0]}/{kind}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def number(self, value: float) -> str:
        """A constant."""
        return self.constant(np.array(value, np.float32))

    def constant(self, values: np.ndarray[tuple[int, ...], np.dtype[Any]]) -> str:
        """A constant tensor."""
        name = f"{self.node.output[0]}/{len(self.nodes)}"
        tensor = numpy_helper.from_array(values)
        self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        return name

    def sum(self, *names: str) -> str:
        """Of the names that are not empty."""
        first, *others = [name for name in names if name]
        for name in others:
            first = self.add("Add", first, name)
        return first

    def end(self, name: str) -> Nodes:
        """`name` is what the node made."""
        self.nodes.append(helper.make_node("Identity", [name], [self.node.output[0]]))
        return self.nodes


def _gelu(w: _Writer) -> Nodes:
    x = w.sum(w.input(0), w.input(1))
    erf = w.add("Erf", w.add("Div", x, w.number(np.sqrt(2))))
    half = w.add("Mul", x, w.number(0.5))
    return w.end(w.add("Mul", half, w.add("Add", erf, w.number(1.0))))


def _quick_gelu(w: _Writer) -> Nodes:
    scaled = w.add("Mul", w.input(0), w.number(w.attributes.get("alpha", 1.702)))
    return w.end(w.add("Mul", w.input(0), w.add("Sigmoid", scaled)))


def _fast_gelu(w: _Writer) -> Nodes:
    x = w.sum(w.input(0), w.input(1))
    inner = w.add("Mul", w.add("Mul", x, x), w.number(0.044715 * np.sqrt(2 / np.pi)))
    bent = w.add("Mul", x, w.add("Add", inner, w.number(np.sqrt(2 / np.pi))))
    half = w.add("Mul", x, w.number(0.5))
    return w.end(w.add("Mul", half, w.add("Add", w.add("Tanh", bent), w.number(1.0))))


def _fused_conv(w: _Writer) -> Nodes | None:
    if w.attributes.get("activation", b"").decode() not in ACTIVATIONS:
        return None
    kept = {k: v for k, v in w.attributes.items() if not k.startswith("activation")}
    made = w.add("Conv", *[name for name in map(w.input, range(3)) if name], **kept)
    numbers = list(w.attributes.get("activation_params", []))
    return w.end(_activated(w, w.sum(made, w.input(3)), numbers))


def _fused_gemm(w: _Writer) -> Nodes | None:
    if w.attributes.get("activation", b"").decode() not in ACTIVATIONS:
        return None
    kept = {k: v for k, v in w.attributes.items() if not k.startswith("activation")}
    made = w.add("Gemm", *[name for name in map(w.input, range(3)) if name], **kept)
    given = (w.attributes.get(f"activation_{k}") for k in ("alpha", "beta"))
    return w.end(_activated(w, made, [value for value in given if value is not None]))


def _activated(w: _Writer, name: str, numbers: list[float]) -> str:
    kind = w.attributes["activation"].decode()
    return w.add(kind, name, **dict(zip(ACTIVATIONS[kind], numbers, strict=False)))


def _fused_matmul(w: _Writer) -> Nodes | None:
    if any(w.attributes.get(f"transBatch{side}", 0) for side in "AB"):
        return None
    sides, stored = [], initializers(w.model)
    for place, side in enumerate("AB"):
        name = w.input(place)
        if w.attributes.get(f"trans{side}", 0):
            if name not in stored or len(stored[name].dims) != MATRIX_RANK:
                return None  # the order of the other axes is not known
            name = w.add("Transpose", name, perm=[1, 0])
        sides.append(name)
    made, alpha = w.add("MatMul", *sides), w.attributes.get("alpha", 1.0)
    return w.end(made if alpha == 1.0 else w.add("Mul", made, w.number(alpha)))


def _skip_layer_norm(w: _Writer) -> Nodes | None:
    if opset_of(w.model) < LAYER_NORM_OPSET or w.output(1) or w.output(2):
        return None
    x = _skipped(w, w.input(4))
    scales = [name for name in (w.input(2), w.input(3)) if name]
    epsilon = w.attributes.get("epsilon", 1e-12)
    return w.end(w.add("LayerNormalization", x, *scales, axis=-1, epsilon=epsilon))


def _skip_rms_norm(w: _Writer) -> Nodes | None:
    if w.output(1) or w.output(2):
        return None
    x = _skipped(w, w.input(3))
    square = w.add("Mul", x, x)
    if opset_of(w.model) < AXES_INPUT_OPSET:
        mean = w.add("ReduceMean", square, axes=[-1])
    else:
        mean = w.add("ReduceMean", square, w.constant(np.array([-1])))
    shifted = w.add("Add", mean, w.number(w.attributes.get("epsilon", 1e-5)))
    return w.end(w.add("Mul", w.add("Div", x, w.add("Sqrt", shifted)), w.input(2)))


def _skipped(w: _Writer, bias: str) -> str:
    """Input + skip + bias, which the fourth output shows."""
    total = w.sum(w.input(0), w.input(1), bias)
    if w.output(3):
        w.nodes.append(helper.make_node("Identity", [total], [w.output(3)]))
    return total


FORMS: dict[str, Callable[[_Writer], Nodes | None]] = {
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "QuickGelu": _quick_gelu,
    "FastGelu": _fast_gelu,
    "FusedConv": _fused_conv,
    "FusedGemm": _fused_gemm,
    "FusedMatMul": _fused_matmul,
    "SkipLayerNormalization": _skip_layer_norm,
    "SkipSimplifiedLayerNormalization": _skip_rms_norm,
}
