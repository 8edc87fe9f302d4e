"""RNN, GRU and LSTM step by step, for what torch's own layers do not do.

The equations are those of the operators RNN, GRU and LSTM in the ONNX specification:

    RNN    h' = f(x W' + h R' + b)
    GRU    z = f(x Wz' + h Rz' + bz)    r = f(x Wr' + h Rr' + br)
           n = g(x Wn' + wbn + (r . h) Rn' + rbn)      linear_before_reset = 0
           n = g(x Wn' + wbn + r . (h Rn' + rbn))      linear_before_reset = 1
           h' = (1 - z) . n + z . h
    LSTM   i = f(x Wi' + h Ri' + bi + pi . c)
           m = f(x Wm' + h Rm' + bm + pm . c), or 1 - i with input_forget
           c' = m . c + i . g(x Wg' + h Rg' + bg)
           o = f(x Wo' + h Ro' + bo + po . c')
           h' = o . h(c')

    x  (B, I)       the input of one step
    h, c  (B, H)    the states
    W (gates*H, I), R (gates*H, H), b (gates*H)    in torch's order: i m g o, and r z n
    p  (3*H)        peepholes in ONNX's order: i o m

f, g and h are the node's activations in their order; what goes into f and g is cut to
[-clip, clip] before. An example that is shorter than the longest keeps its last state and
answers 0 from its end on; read backwards it begins at its own end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

Numbers = tuple[float, float]  # alpha, beta
Activation = tuple[str, Numbers]
Function = Callable[[Tensor], Tensor]
State = tuple[Tensor, ...]  # h, and of an LSTM c
ALPHA_AND_BETA: dict[str, Numbers] = {  # the defaults of the functions that take any
    "LeakyRelu": (0.01, 0.0), "ThresholdedRelu": (1.0, 0.0), "Elu": (1.0, 0.0),
    "HardSigmoid": (0.2, 0.5), "ScaledTanh": (1.0, 1.0), "Affine": (1.0, 0.0),
}  # fmt: skip
TAKES_BETA = {"HardSigmoid", "ScaledTanh", "Affine"}
FUNCTIONS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "Sigmoid": lambda x, _a, _b: torch.sigmoid(x),
    "Tanh": lambda x, _a, _b: torch.tanh(x),
    "Relu": lambda x, _a, _b: torch.relu(x),
    "Softsign": lambda x, _a, _b: functional.softsign(x),
    "Softplus": lambda x, _a, _b: functional.softplus(x),
    "LeakyRelu": lambda x, a, _: functional.leaky_relu(x, a),
    "ThresholdedRelu": lambda x, a, _: functional.threshold(x, a, 0.0),
    "Elu": lambda x, a, _: functional.elu(x, a),
    "HardSigmoid": lambda x, a, b: torch.clamp(a * x + b, 0, 1),
    "ScaledTanh": lambda x, a, b: a * torch.tanh(b * x),
    "Affine": lambda x, a, b: a * x + b,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """How a recurrent node steps; `activations` holds those of each direction."""

    kind: str
    activations: tuple[tuple[Activation, ...], ...]
    clip: float | None = None
    reset_after: bool = False
    coupled: bool = False  # the forget gate is what the input gate leaves

    def functions(self, direction: int) -> list[Function]:
        """Those of one direction."""
        return [_function(*activation) for activation in self.activations[direction]]

    def cut(self, x: Tensor) -> Tensor:
        """What an activation is given."""
        return x if self.clip is None else x.clamp(-self.clip, self.clip)


def unrolled(
    rule: Rule,
    rnn: nn.RNNBase,
    x: Tensor,
    states: State,
    *,
    lengths: Tensor | None,
    peepholes: Tensor | None,
    backwards: bool,
) -> tuple[Tensor, State]:
    """Y (T, B, directions * H) and the last states (directions, B, H), from x (T, B, I).

    `rnn` holds the weights, `states` the first ones, (directions, B, H) each.
    """
    answers, lasts = [], []
    for direction in range(2 if rnn.bidirectional else 1):
        turn = backwards or direction == 1
        weights = _weights(rnn, direction, peepholes)
        steps = _turned(x, lengths) if turn else x
        state = tuple(s[direction] for s in states)
        y, last = _walk(rule, direction, weights, steps, state, lengths)
        answers.append(_turned(y, lengths) if turn else y)
        lasts.append(last)
    return torch.cat(answers, -1), tuple(
        torch.stack(parts) for parts in zip(*lasts, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Weights:
    w: Tensor
    r: Tensor
    wb: Tensor | None
    rb: Tensor | None
    p: Tensor | None


def _walk(
    rule: Rule,
    direction: int,
    weights: _Weights,
    x: Tensor,
    state: State,
    lengths: Tensor | None,
) -> tuple[Tensor, State]:
    """One direction, forwards: (T, B, H) and the last states (B, H)."""
    functions = rule.functions(direction)
    seen = functional.linear(x, weights.w, weights.wb)
    step = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}[rule.kind]
    answers = []
    for time, part in enumerate(seen):
        new = step(rule, functions, weights, part, state)
        answer = new[0]
        if lengths is not None:
            runs = (time < lengths).unsqueeze(1)
            answer = torch.where(runs, answer, 0)
            new = tuple(torch.where(runs, a, b) for a, b in zip(new, state, strict=True))
        answers.append(answer)
        state = new
    return torch.stack(answers), state


def _rnn(rule: Rule, f: list[Function], weights: _Weights, seen: Tensor, state: State) -> State:
    (h,) = state
    return (f[0](rule.cut(seen + functional.linear(h, weights.r, weights.rb))),)


def _gru(rule: Rule, f: list[Function], weights: _Weights, seen: Tensor, state: State) -> State:
    (h,) = state
    size = h.shape[-1]
    rb = weights.rb if weights.rb is not None else weights.r.new_zeros(3 * size)
    gates = seen[:, : 2 * size] + functional.linear(h, weights.r[: 2 * size], rb[: 2 * size])
    r, z = f[0](rule.cut(gates)).chunk(2, -1)
    r_n, rb_n = weights.r[2 * size :], rb[2 * size :]
    product = (
        r * functional.linear(h, r_n, rb_n)
        if rule.reset_after
        else functional.linear(r * h, r_n, rb_n)
    )
    n = f[1](rule.cut(seen[:, 2 * size :] + product))
    return ((1 - z) * n + z * h,)


def _lstm(
    rule: Rule, f: list[Function], weights: _Weights, seen: Tensor, state: State
) -> State:
    h, c = state
    i, m, g, o = (seen + functional.linear(h, weights.r, weights.rb)).chunk(4, -1)
    p_i, p_o, p_m = (0, 0, 0) if weights.p is None else weights.p.chunk(3)
    i = f[0](rule.cut(i + p_i * c))
    m = 1 - i if rule.coupled else f[0](rule.cut(m + p_m * c))
    c = m * c + i * f[1](rule.cut(g))
    return f[0](rule.cut(o + p_o * c)) * f[2](c), c


def _weights(rnn: nn.RNNBase, direction: int, peepholes: Tensor | None) -> _Weights:
    suffix = "_l0_reverse" if direction else "_l0"
    w, r = (getattr(rnn, name + suffix) for name in ("weight_ih", "weight_hh"))
    wb, rb = (getattr(rnn, name + suffix, None) for name in ("bias_ih", "bias_hh"))
    return _Weights(w, r, wb, rb, None if peepholes is None else peepholes[direction])


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each example (T, b) from its own end to its beginning; what follows its end stays."""
    if lengths is None:
        return x.flip(0)
    time = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    places = torch.where(time < lengths, lengths - 1 - time, time)
    return x.gather(0, places.unsqueeze(-1).expand_as(x))


def _function(name: str, numbers: Numbers) -> Function:
    return lambda x: FUNCTIONS[name](x, *numbers)
