"""What each criterion of prune.channels takes first."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.helper import make_node

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneChannels
from tests.unit.worker.engine.prune.reading import arrays
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.prune.channels.prune import prune_channels

Build = Callable[..., onnx.ModelProto]
Around = Callable[[onnx.ModelProto], Context]
NORMED = [
    make_node("Conv", ["x", "a"], ["h"]),
    make_node("BatchNormalization", ["h", "scale", "shift", "mean", "var"], ["n"]),
    make_node("Relu", ["n"], ["r"]),
    make_node("Conv", ["r", "b"], ["g"]),
    make_node("Tanh", ["g"], ["t"]),
    make_node("Conv", ["t", "c"], ["y"]),
]


@pytest.fixture
def normed(net: Build) -> onnx.ModelProto:
    """1x1 convolutions 1 - 4 - 2 - 1, a norm and a ReLU behind the first, Tanh behind the
    second. Filters 2 and 3 are alike, filter 1 is the largest."""
    column = np.float32([1, 9, 2, 2.1]).reshape(4, 1, 1, 1)
    return net(
        NORMED, [1, 2, 2], [1, 2, 2], a=column, b=(2, 4, 1, 1), c=(1, 2, 1, 1),
        scale=np.float32([5, 1, 3, 4]), shift=np.float32([0, -1, 1, -9]),
        mean=np.zeros(4, np.float32), var=np.ones(4, np.float32),
    )  # fmt: skip


@dataclass(frozen=True)
class Pictures:
    """Unlabelled inputs (n, 1, 2, 2)."""

    x: NDArray[np.float32]
    has_labels = False

    @property
    def count(self) -> int:
        return len(self.x)

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": self.x[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        raise AssertionError("nobody asks for labels")


@pytest.mark.parametrize(
    ("criterion", "gone"),
    [
        ("bn_scale", 9.0),  # |gamma| 5 1 3 4
        ("fpgm", 2.0),  # distances 10.1, 21.9, 8.1, 8.1
        ("apoz", 2.1),  # a > 0: 5 x, 9 x - 1, 6 x + 1, 8.4 x - 9 for x = 0 and 1, so 1 1 2 0
        ("activation", 2.1),  # 5, 8, 1 + 7, 0
    ],
)
def test_a_criterion_takes_the_unit_that_it_scores_lowest(
    normed: onnx.ModelProto, context: Around, criterion: str, gone: float
) -> None:
    x = np.stack([np.zeros((1, 2, 2)), np.ones((1, 2, 2))]).astype(np.float32)
    around = replace(context(normed), calibration=Pictures(x))
    spec = PruneChannels.model_validate(
        {"keep_parameters": 0.95, "criterion": criterion, "protect": ["b"]}
    )
    outcome = prune_channels(Checkpoint(normed), spec, around)
    left = arrays(outcome.checkpoint.model)["a"].reshape(-1).tolist()
    assert left == pytest.approx([w for w in (1.0, 9.0, 2.0, 2.1) if w != gone])


def test_layers_that_a_criterion_cannot_score_are_left_and_all_of_them_refused(
    normed: onnx.ModelProto, mlp: onnx.ModelProto, context: Around
) -> None:
    spec = PruneChannels(keep_parameters=0.9, criterion="bn_scale")
    outcome = prune_channels(Checkpoint(normed), spec, context(normed))
    assert "b (no BatchNorm follows it)" in str(outcome.facts["left_alone"])
    assert "b" not in outcome.checkpoint.traits
    with pytest.raises(StepImpossible, match=r"scored by bn_scale: a \(no BatchNorm"):
        prune_channels(Checkpoint(mlp), spec, context(mlp))
    with pytest.raises(StepImpossible, match="looks at inputs; give"):
        prune_channels(
            Checkpoint(mlp), spec.model_copy(update={"criterion": "apoz"}), context(mlp)
        )
    x = np.ones((2, 1, 2, 2), np.float32)
    around = replace(context(normed), train=Pictures(x))
    apoz = PruneChannels(keep_parameters=0.95, criterion="apoz", protect=("a",))
    with pytest.raises(StepImpossible, match=r"b \(no activation that makes zeros follows"):
        prune_channels(Checkpoint(normed), apoz, around)


def test_lamp_compares_layers_by_the_shares_of_their_units(net: Build, context: Around) -> None:
    # energies of a: 1 4 25, of b with c: 100 400, so shares .033 .138 1 and .2 1
    nodes = [
        make_node("MatMul", ["x", "a"], ["h"]), make_node("Tanh", ["h"], ["t"]),
        make_node("MatMul", ["t", "b"], ["g"]), make_node("Tanh", ["g"], ["u"]),
        make_node("MatMul", ["u", "c"], ["y"]),
    ]  # fmt: skip
    a = np.float32([[1, 2, 5]])
    b = np.zeros((3, 2), np.float32)
    model = net(nodes, [1], [1], a=a, b=b, c=np.float32([[10], [20]]))
    spec = PruneChannels(keep_parameters=0.9, criterion="lamp")  # one unit of a is 3 of 11
    outcome = prune_channels(Checkpoint(model), spec, context(model))
    assert arrays(outcome.checkpoint.model)["a"].tolist() == [[2, 5]]
    twice = PruneChannels(keep_parameters=0.6, criterion="lamp")
    outcome = prune_channels(Checkpoint(model), twice, context(model))
    assert arrays(outcome.checkpoint.model)["a"].tolist() == [[5]]
