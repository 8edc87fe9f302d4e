"""RNN, GRU and LSTM over torch's own.

ONNX keeps W (directions, gates*H, I), R (directions, gates*H, H), B (directions, 2*gates*H)
with the gates in the order i o f c (LSTM) and z r h (GRU); torch keeps one matrix a direction
with i f g o and r z n. torch's GRU applies the reset gate after the recurrent product, which
is ONNX's linear_before_reset = 1.
"""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from worker.engine.onnx_file.array import array
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op

GATES = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "RNN": [0]}  # torch's order from ONNX's
ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
CLASSES: dict[str, Any] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
INITIAL_STATES = (5, 6)  # of the hidden and, in an LSTM, the cell state
SUFFIXES = ("_l0", "_l0_reverse")
PASSED_ON = {
    "Expand", "Slice", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Cast", "Tile",
    "Transpose", "Split",
}  # fmt: skip


class Recurrent(nn.Module):
    """X (T, B, I) -> Y (T, directions, B, H) and the last state(s) (directions, B, H)."""

    def __init__(self, kind: str, rnn: nn.RNNBase, *, backwards: bool) -> None:
        super().__init__()
        self.kind = kind
        self.rnn = rnn
        self.backwards = backwards  # the only direction reads the sequence from its end

    @property
    def hidden_size(self) -> int:
        """H, as the layer is now."""
        return self.rnn.hidden_size

    def forward(
        self, x: Tensor, hidden: Tensor | None = None, cell: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """States that are not given are zero."""
        state: Any = hidden
        if self.kind == "LSTM" and (hidden is not None or cell is not None):
            given = hidden if hidden is not None else cell
            blank = torch.zeros_like(given) if given is not None else None
            state = (
                hidden if hidden is not None else blank,
                cell if cell is not None else blank,
            )
        y, last = self.rnn(x.flip(0) if self.backwards else x, state)
        y = torch.unflatten(y, -1, (-1, self.rnn.hidden_size)).transpose(1, 2)
        y = y.flip(0) if self.backwards else y
        return (y, *last) if self.kind == "LSTM" else (y, last)


@dataclass(frozen=True, slots=True)
class Stacked:
    """Reads one ONNX tensor out of a Recurrent: the named parts of every direction, in ONNX's
    gate order, stacked."""

    names: tuple[str, ...]

    def __call__(self, module: nn.Module) -> Tensor:
        """(directions, rows of all parts, ...)."""
        if not isinstance(module, Recurrent):
            raise TypeError(f"{type(module).__name__} stands where a Recurrent was")
        back = np.argsort(GATES[module.kind]).tolist()
        suffixes = SUFFIXES if module.rnn.bidirectional else SUFFIXES[:1]
        return torch.stack(
            [
                torch.cat([_gates(getattr(module.rnn, n + s), back) for n in self.names])
                for s in suffixes
            ]
        )


def recurrent(build: Builder, op: Op) -> None:
    """An initial state that is constant zero is left out."""
    _judge(build, op)
    args: list[Any] = [build.tensor(op.inputs[0])]
    for place in INITIAL_STATES:
        zero = op.has(place) and is_zero(build, op.inputs[place])
        args.append(build.tensor(op.inputs[place]) if op.has(place) and not zero else None)
        if zero:
            build.dropped.append((op.key, place))
    node = _twin(build, op, args) or _layer(build, op, args)
    build.follow(op, "hidden_size", node, "hidden_size")
    for place, name in enumerate(op.outputs):
        if name:
            build.put(name, build.call(operator.getitem, node, place))


def _layer(build: Builder, op: Op, args: list[Any]) -> fx.Node:
    module = Recurrent(op.kind, _rnn(build, op), backwards=_direction(op) == "reverse")
    bound = [(op, 1, Stacked(("weight_ih",))), (op, 2, Stacked(("weight_hh",)))]
    if op.has(3):
        bound.append((op, 3, Stacked(("bias_ih", "bias_hh"))))
    return build.layer(op, module, args, bound)


def _twin(build: Builder, op: Op, args: list[Any]) -> fx.Node | None:
    """A call of the layer that already holds these weights; raises Blocked where another
    layer holds only some of them."""
    held = {name: build.source.origins[name].name for name in op.inputs[1:4] if name}
    same = {b.path: set[str]() for b in build.bindings if b.initialiser in held.values()}
    for binding in build.bindings:
        if binding.path in same:
            same[binding.path].add(binding.initialiser)
    for path, tensors in same.items():
        module = build.root.get_submodule(path)
        backwards = _direction(op) == "reverse"
        alike = isinstance(module, Recurrent) and module.backwards == backwards
        if not alike or tensors != set(held.values()):
            raise Blocked("weights shared with another layer")
        return build.graph.call_module(path, tuple(args))
    return None


def is_zero(build: Builder, name: str) -> bool:
    """Whether a value is zero whatever the input, also behind Expand and its like."""
    values = build.source.array(name)
    if values is not None:
        return not np.any(values)
    maker = build.source.makers.get(name)
    if maker is None:
        return False
    if maker.op_type in PASSED_ON:
        return is_zero(build, maker.input[0])
    return maker.op_type == "ConstantOfShape" and not any(
        np.any(array(a.t)) for a in maker.attribute
    )


def _judge(build: Builder, op: Op) -> None:
    if not build.weights(*op.inputs[1:4]):
        raise Blocked("shared or computed weights")
    if op.has(4):
        raise Blocked("sequence_lens")
    if op.has(7):
        raise Blocked("peepholes")
    directions = 2 if _direction(op) == "bidirectional" else 1
    if op.attributes.get("activations", []) not in (
        [],
        [a.encode() for a in ACTIVATIONS[op.kind] * directions],
    ):
        raise Blocked("activations")
    if op.kind == "GRU" and not op.integer("linear_before_reset", 0):
        raise Blocked("linear_before_reset=0")
    for name in ("clip", "input_forget", "layout"):
        if op.attributes.get(name, 0):
            raise Blocked(name)


def _direction(op: Op) -> str:
    return op.text("direction", "forward")


def _rnn(build: Builder, op: Op) -> nn.RNNBase:
    """Torch's layer with the weights of `op`."""
    w, r = build.known(op.inputs[1]), build.known(op.inputs[2])
    both = _direction(op) == "bidirectional"
    rnn: nn.RNNBase = CLASSES[op.kind](
        w.shape[2], r.shape[2], bias=op.has(3), bidirectional=both, device=build.device
    )
    if build.weightless:
        return rnn
    order = GATES[op.kind]
    for direction, suffix in enumerate(SUFFIXES[: 1 + both]):
        parts = {"weight_ih": w[direction], "weight_hh": r[direction]}
        if op.has(3):
            b = build.known(op.inputs[3])[direction]
            parts |= {"bias_ih": b[: b.size // 2], "bias_hh": b[b.size // 2 :]}
        for name, values in parts.items():
            tensor = torch.from_numpy(values.astype(np.float32))
            getattr(rnn, name + suffix).data.copy_(_gates(tensor, order))
    return rnn


def _gates(tensor: Tensor, order: list[int]) -> Tensor:
    """(gates*H, ...) with the gates in another order."""
    return torch.unflatten(tensor, 0, (len(order), -1))[order].flatten(0, 1)


FORMS = {"LSTM": recurrent, "GRU": recurrent, "RNN": recurrent}
