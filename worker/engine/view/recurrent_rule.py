"""How a recurrent node steps, and whether torch's own layer steps so."""

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.cells import ALPHA_AND_BETA, FUNCTIONS, TAKES_BETA, Activation, Rule
from worker.engine.view.op import Op

LENGTHS, PEEPHOLES = 4, 7  # places of the examples' lengths and of an LSTM's peepholes
ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
NONE = (0.0, 0.0)  # of a function that takes neither alpha nor beta


def rule_of(build: Builder, op: Op) -> Rule | None:
    """What torch's own layer does not do of `op`; None where it does all of it."""
    if not build.weights(*op.inputs[1:4], op.input(PEEPHOLES)):
        raise Blocked("shared or computed weights")
    if op.integer("layout", 0):
        raise Blocked("layout")
    chosen, usual = _activations(op), ((name, NONE) for name in ACTIVATIONS[op.kind])
    rule = Rule(
        op.kind,
        chosen,
        clip=op.number("clip", 0.0) if "clip" in op.attributes else None,
        reset_after=bool(op.integer("linear_before_reset", 0)),
        coupled=bool(op.integer("input_forget", 0)),
    )
    own = Rule(op.kind, (tuple(usual),) * len(chosen), reset_after=rule.reset_after)
    asks_more = op.has(LENGTHS) or op.has(PEEPHOLES)
    unlike_torch = op.kind == "GRU" and not rule.reset_after
    return rule if asks_more or unlike_torch or rule != own else None


def _activations(op: Op) -> tuple[tuple[Activation, ...], ...]:
    """Those of each direction; the lists of alphas and betas hold one for each that takes
    one."""
    directions = 2 if direction_of(op) == "bidirectional" else 1
    given = [a.decode() for a in op.attributes.get("activations", [])]
    names = given or ACTIVATIONS[op.kind] * directions
    alphas = iter(op.attributes.get("activation_alpha", []))
    betas = iter(op.attributes.get("activation_beta", []))
    found: list[Activation] = []
    for name in names:
        if name not in FUNCTIONS:
            raise Blocked(f"activation {name}")
        alpha, beta = ALPHA_AND_BETA.get(name, NONE)
        alpha = next(alphas, alpha) if name in ALPHA_AND_BETA else alpha
        beta = next(betas, beta) if name in TAKES_BETA else beta
        found.append((name, (alpha, beta)))
    count = len(found) // directions
    return tuple(tuple(found[k * count : (k + 1) * count]) for k in range(directions))


def direction_of(op: Op) -> str:
    """Forward, reverse or bidirectional."""
    return op.text("direction", "forward")
