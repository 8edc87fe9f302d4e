"""prune.neurons from checkpoint to checkpoint."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.helper import make_node

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.techniques.prune import PruneNeurons
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.conftest import Around, Build
from tests.unit.worker.engine.prune.weights.test_by_inputs import values
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.prune.channels.neurons import prune_neurons
from worker.engine.session import open_session, run

NODES = [
    make_node("Gemm", ["x", "a", "a_bias"], ["h"], transB=1),
    make_node("Relu", ["h"], ["r"]),
    make_node("MatMul", ["r", "b"], ["g"]),
    make_node("Relu", ["g"], ["s"]),
    make_node("Gemm", ["s", "c"], ["y"]),
]
X = np.float32([[1], [2], [3], [4]])
# x - 3.5 fires once in 4, x - 0.5 always, x - 1.5 three times, -x never
BIAS = np.float32([-3.5, -0.5, -1.5, 0])
A = np.float32([[1], [1], [1], [-1]])
# 2 r_1 always fires, -r_1 never
B = np.float32([[0, 0], [2, -1], [0, 0], [0, 0]])


@pytest.fixture
def model(net: Build) -> onnx.ModelProto:
    return net(NODES, [1], [3], a=A, a_bias=BIAS, b=B, c=(2, 3))


@pytest.fixture
def given(model: onnx.ModelProto, context: Around) -> Context:
    return replace(context(model), calibration=Points(X))


def test_neurons_go_that_are_zero_more_often_than_the_limit(
    model: onnx.ModelProto, given: Context
) -> None:
    outcome = prune_neurons(Checkpoint(model), PruneNeurons(max_apoz=0.75), given)
    left = values(outcome.checkpoint.model)
    assert left["a_bias"].tolist() == [-3.5, -0.5, -1.5]  # zero 3 of 4 times is not above it
    assert left["b"].tolist() == [[0], [2], [0]]
    assert outcome.checkpoint.traits == {"a": Trait(channels=3), "b": Trait(channels=1)}
    assert outcome.facts["apoz_mean"] == pytest.approx((0.75 + 0 + 0.25 + 1 + 0 + 1) / 6)
    assert outcome.facts["apoz_largest"] == 1
    assert outcome.facts["examples"] == 4
    assert (outcome.facts["channels_before"], outcome.facts["channels_after"]) == (6, 4)
    old, new = (run(open_session(m), {"x": X})["y"] for m in (model, outcome.checkpoint.model))
    assert np.allclose(old, new, rtol=1e-5)


def test_a_fraction_of_the_neurons_of_all_layers_stays(
    model: onnx.ModelProto, given: Context
) -> None:
    outcome = prune_neurons(Checkpoint(model), PruneNeurons(keep_neurons=0.5), given)
    left = values(outcome.checkpoint.model)
    assert left["a_bias"].tolist() == [-0.5, -1.5]
    assert left["b"].shape == (2, 1)
    outcome = prune_neurons(
        Checkpoint(model), PruneNeurons(keep_neurons=0.7, round_to=2), given
    )
    left = values(outcome.checkpoint.model)
    assert (left["a"].shape, left["b"].shape) == ((2, 1), (2, 2))


def test_convolutions_and_protected_layers_keep_theirs(net: Build, context: Around) -> None:
    nodes = [
        make_node("Conv", ["x", "conv"], ["h"]),
        make_node("Relu", ["h"], ["r"]),
        make_node("Flatten", ["r"], ["f"]),
        make_node("Gemm", ["f", "a"], ["g"]),
        make_node("Relu", ["g"], ["s"]),
        make_node("Gemm", ["s", "b"], ["y"]),
    ]
    model = net(nodes, [1, 1], [2], conv=(3, 1, 1), a=(3, 4), b=(4, 2))
    around = replace(context(model), calibration=Points(X.reshape(4, 1, 1)))
    outcome = prune_neurons(Checkpoint(model), PruneNeurons(keep_neurons=0.5), around)
    assert values(outcome.checkpoint.model)["conv"].shape == (3, 1, 1)
    assert values(outcome.checkpoint.model)["a"].shape == (3, 2)
    assert "conv (it is not fully connected)" in str(outcome.facts["left_alone"])
    spec = PruneNeurons(keep_neurons=0.5, protect=("a",))
    with pytest.raises(StepImpossible, match=r"no hidden neurons that can go; .*a \(it is pro"):
        prune_neurons(Checkpoint(model), spec, around)


def test_what_cannot_be_done_is_refused(
    model: onnx.ModelProto, given: Context, context: Around
) -> None:
    with pytest.raises(StepImpossible, match="looks at inputs; give"):
        prune_neurons(Checkpoint(model), PruneNeurons(max_apoz=0.5), context(model))
    with pytest.raises(UnknownLayer, match="'nowhere'; it has a, b, c"):
        prune_neurons(
            Checkpoint(model), PruneNeurons(max_apoz=0.5, protect=("nowhere",)), given
        )
    with pytest.raises(BudgetUnreachable, match=r"keep_neurons 0.1 .* 0.3333 are left"):
        prune_neurons(Checkpoint(model), PruneNeurons(keep_neurons=0.1), given)
