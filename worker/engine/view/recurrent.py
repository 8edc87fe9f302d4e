"""RNN, GRU and LSTM over torch's own.

ONNX keeps W (directions, gates*H, I), R (directions, gates*H, H), B (directions, 2*gates*H)
with the gates in the order i o f c (LSTM) and z r h (GRU); torch keeps one matrix a direction
with i f g o and r z n. torch's GRU applies the reset gate after the recurrent product, which
is ONNX's linear_before_reset = 1. What torch's layers do not do, `cells` steps through with
the same parameters.
"""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from worker.engine.view.binding import Same
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Bound, Builder
from worker.engine.view.cells import Rule, unrolled
from worker.engine.view.op import Op
from worker.engine.view.recurrent_rule import LENGTHS, PEEPHOLES, direction_of, rule_of
from worker.engine.view.zero_state import is_zero

GATES = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "RNN": [0]}  # torch's order from ONNX's
CLASSES: dict[str, Any] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}  # places of the first states
SUFFIXES = ("_l0", "_l0_reverse")


class Recurrent(nn.Module):
    """X (T, B, I) -> Y (T, directions, B, H) and the last state(s) (directions, B, H).

    With a `rule` the layer is stepped through in Python, or else by torch.
    """

    def __init__(
        self,
        kind: str,
        rnn: nn.RNNBase,
        *,
        backwards: bool,
        rule: Rule | None = None,
        peepholes: nn.Parameter | None = None,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.rnn = rnn
        self.backwards = backwards  # the only direction reads the sequence from its end
        self.rule = rule
        self.peepholes = peepholes  # (directions, 3*H)

    @property
    def hidden_size(self) -> int:
        """H, as the layer is now."""
        return self.rnn.hidden_size

    def forward(
        self,
        x: Tensor,
        hidden: Tensor | None = None,
        cell: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """States that are not given are zero; `lengths` (B,) are those of the examples."""
        given = (hidden, cell)[: len(STATES[self.kind])]
        blank = x.new_zeros(1 + self.rnn.bidirectional, x.shape[1], self.hidden_size)
        states = tuple(blank if state is None else state for state in given)
        last: Any
        if self.rule is not None:
            y, last = unrolled(
                self.rule, self.rnn, x, states,
                lengths=lengths, peepholes=self.peepholes, backwards=self.backwards,
            )  # fmt: skip
        else:
            state = states if self.kind == "LSTM" else states[0]
            y, last = self.rnn(x.flip(0) if self.backwards else x, state)
            y = y.flip(0) if self.backwards else y
            last = last if self.kind == "LSTM" else (last,)
        return (torch.unflatten(y, -1, (-1, self.hidden_size)).transpose(1, 2), *last)


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
    rule = rule_of(build, op)
    args: list[Any] = [build.tensor(op.inputs[0]), None, None]
    for k, place in enumerate(STATES[op.kind], start=1):
        if op.has(place) and is_zero(build, op.inputs[place]):
            build.dropped.append((op.key, place))
        elif op.has(place):
            args[k] = build.tensor(op.inputs[place])
    if op.has(LENGTHS):
        args.append(build.tensor(op.inputs[LENGTHS]))
    node = _twin(build, op, args, rule) or _layer(build, op, args, rule)
    build.follow(op, "hidden_size", node, "hidden_size")
    for place, name in enumerate(op.outputs):
        if name:
            build.put(name, build.call(operator.getitem, node, place))


def _layer(build: Builder, op: Op, args: list[Any], rule: Rule | None) -> fx.Node:
    peepholes = build.parameter(op.inputs[PEEPHOLES]) if op.has(PEEPHOLES) else None
    module = Recurrent(
        op.kind, _rnn(build, op), backwards=direction_of(op) == "reverse",
        rule=rule, peepholes=peepholes,
    )  # fmt: skip
    bound: list[Bound] = [(op, 1, Stacked(("weight_ih",))), (op, 2, Stacked(("weight_hh",)))]
    if op.has(3):
        bound.append((op, 3, Stacked(("bias_ih", "bias_hh"))))
    if peepholes is not None:
        bound.append((op, PEEPHOLES, Same("peepholes")))
    return build.layer(op, module, args, bound)


def _twin(build: Builder, op: Op, args: list[Any], rule: Rule | None) -> fx.Node | None:
    """A call of the layer that already holds these weights; raises Blocked where another
    layer holds only some of them."""
    places = [place for place in (1, 2, 3, PEEPHOLES) if op.has(place)]
    held = {build.source.origins[op.inputs[place]].name for place in places}
    same = {b.path: set[str]() for b in build.bindings if b.initialiser in held}
    for binding in build.bindings:
        if binding.path in same:
            same[binding.path].add(binding.initialiser)
    for path, tensors in same.items():
        module = build.root.get_submodule(path)
        backwards = direction_of(op) == "reverse"
        alike = isinstance(module, Recurrent) and (module.backwards, module.rule) == (
            backwards,
            rule,
        )
        if not alike or tensors != held:
            raise Blocked("weights shared with another layer")
        return build.graph.call_module(path, tuple(args))
    return None


def _rnn(build: Builder, op: Op) -> nn.RNNBase:
    """Torch's layer with the weights of `op`."""
    w, r = build.known(op.inputs[1]), build.known(op.inputs[2])
    both = direction_of(op) == "bidirectional"
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
