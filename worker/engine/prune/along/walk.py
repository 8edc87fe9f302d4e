"""From one axis to all that are coupled with it.

A dependency graph (Fang, Ma, Song, Mi and Wang, "DepGraph: Towards Any Structural Pruning",
CVPR 2023, arXiv:2301.12900) on the ONNX graph, with a rule for each operator that may stand
on the way; any other ends the search. Positions of an axis carry the unit that owns them, so
that heads and gates, which are many positions each, are followed through reshapes.
"""

from collections.abc import Callable, Iterable, Iterator

import onnx

from worker.engine.graph.operators import qualified
from worker.engine.prune.along.attention import attention, rotary
from worker.engine.prune.along.coupled import Along, Coupled, NotCuttable, Place
from worker.engine.prune.along.net import Net
from worker.engine.prune.along.products import gemm, matmul
from worker.engine.prune.along.recurrent import recurrent
from worker.engine.prune.along.rules import (
    concat,
    elementwise,
    expand,
    gather,
    layer_norm,
    reduction,
    reshape,
    slice_,
    softmax,
    split,
    transpose,
)

Rule = Callable[[onnx.NodeProto, Along, Net], Iterator[Along]]
ELEMENTWISE = (
    *("Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Div", "Elu"),
    *("Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid"),
    *("HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log"),
    *("Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow"),
    *("Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus"),
    *("Softsign", "Sqrt", "Sub", "Sum", "Swish", "Tanh", "ThresholdedRelu", "Where", "Xor"),
)
RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
REDUCTIONS = ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")
RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(RESHAPES, reshape),
    **dict.fromkeys(REDUCTIONS, reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax"), softmax),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), layer_norm),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), recurrent),
    "Attention": attention,
    "Concat": concat,
    "Expand": expand,
    "Gather": gather,
    "Gemm": gemm,
    "MatMul": matmul,
    "RotaryEmbedding": rotary,
    "Shape": lambda *_: iter(()),  # sizes that are computed follow by themselves
    "Slice": slice_,
    "Split": split,
    "Transpose": transpose,
}


def spread(
    name: str, units: int, starts: Iterable[Along], net: Net, *, norms: bool = False
) -> Coupled:
    """Everything that `units` units lie along which lie along `starts`.

    Only weights may add the units up, but with `norms` also what has no weight for each:
    normalisations, means, products of two computed values. Raises NotCuttable where they
    reach an input or output of the model, an operator without a rule or one that mixes them,
    and where nothing hears them.
    """
    found: dict[Place, Along] = {}
    waiting = list(starts)
    while waiting:
        along = waiting.pop()
        old = found.get(along.place)
        new = along if old is None else old.joined(along)
        if old is not None and old.same(new):
            continue
        _require_free(new, net)
        found[along.place] = new
        for node in net.around(new.value):
            for implied in rule_of(node)(node, new, net):
                if implied.heard and implied.value not in net.constants and not norms:
                    raise NotCuttable(f"{node.op_type} adds them up without a weight")
                waiting.append(implied)
    weights = tuple(a for a in found.values() if a.value in net.constants)
    values = tuple(a for a in found.values() if a.value not in net.constants)
    if not any(along.heard for along in found.values()):
        raise NotCuttable("no weight hears them")
    return Coupled(name, units, weights, values)


def rule_of(node: onnx.NodeProto) -> Rule:
    """Raises NotCuttable where the operator has none."""
    rule = RULES.get(qualified(node))
    if rule is None:
        raise NotCuttable(f"{qualified(node)} is on their way")
    return rule


def _require_free(along: Along, net: Net) -> None:
    if along.value in net.outputs:
        raise NotCuttable("they are a model output")
    if along.value in net.inputs:
        raise NotCuttable("they are a model input")
    if net.shape(along.value)[along.axis] != len(along.unit):
        raise NotCuttable(f"the sizes of {along.value} are unclear")
