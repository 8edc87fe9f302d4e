"""Statistics of BatchNorms after pruning, by hand."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.helper import make_node

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneChannels, PruneSensing, PruneWeights
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.conftest import Around, Build
from tests.unit.worker.engine.prune.weights.test_by_inputs import values
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.prune.channels.prune import prune_channels
from worker.engine.prune.norms import reestimated
from worker.engine.prune.weights.prune import prune_weights
from worker.engine.prune.weights.sensing import prune_sensing

NODES = [
    make_node("Gemm", ["x", "a"], ["h"]),
    make_node("BatchNormalization", ["h", "scale", "shift", "mean", "var"], ["n"], epsilon=0.5),
    make_node("Relu", ["n"], ["r"]),
    make_node("Gemm", ["r", "b"], ["y"]),
]
X = np.float32([[1, 0], [2, 1], [6, 5]])


@pytest.fixture
def model(net: Build) -> onnx.ModelProto:
    return net(
        NODES, [2], [1], a=np.float32([[3, 2], [1, -4]]), b=np.float32([[1], [1]]),
        scale=np.float32([2, 3]), shift=np.float32([1, 1]),
        mean=np.float32([50, 50]), var=np.float32([7, 7]),
    )  # fmt: skip


def test_means_and_variances_are_those_of_what_the_pruned_layer_answers(
    model: onnx.ModelProto, context: Around
) -> None:
    # 3 x0 = 3 6 18 and -4 x1 = 0 -4 -20, variances with n - 1
    around = replace(context(model), calibration=Points(X))
    spec = PruneWeights(sparsity=0.5, reestimate_norms=True, protect=("b",))
    outcome = prune_weights(Checkpoint(model), spec, around)
    left = values(outcome.checkpoint.model)
    assert left["a"].tolist() == [[3, 0], [0, -4]]
    assert left["mean"].tolist() == pytest.approx([9, -8])
    assert left["var"].tolist() == pytest.approx([(36 + 9 + 81) / 2, (64 + 16 + 144) / 2])
    assert left["scale"].tolist() == [2, 3]
    assert outcome.facts["norms_reestimated"] == 1


def test_two_examples_are_a_batch(model: onnx.ModelProto, context: Around) -> None:
    # X a = 3 2, 7 0: of two the variance is half of the squared distance
    around = replace(context(model), calibration=Points(X[:2]))
    done, count = reestimated(Checkpoint(model), around)
    assert count == 1
    assert values(done.model)["mean"].tolist() == pytest.approx([5, 1])
    assert values(done.model)["var"].tolist() == pytest.approx([8, 2])


def test_a_lone_example_has_no_variance_and_a_model_without_norms_stays(
    model: onnx.ModelProto, context: Around
) -> None:
    lone = replace(context(model), calibration=Points(X[:1]))
    with pytest.raises(StepImpossible, match="at least 2 examples"):
        reestimated(Checkpoint(model), lone)
    without = onnx.ModelProto()
    without.CopyFrom(model)
    del without.graph.node[1:3]
    without.graph.node[1].input[0] = "h"
    assert reestimated(Checkpoint(without), lone) == (Checkpoint(without), 0)


def test_every_way_of_pruning_may_ask_for_it_and_held_statistics_are_refused(
    model: onnx.ModelProto, context: Around
) -> None:
    around = replace(context(model), train=Points(X))
    channels = PruneChannels(keep_parameters=0.7, reestimate_norms=True)
    sensing = PruneSensing(error=0.01, reestimate_norms=True)
    weights = PruneWeights(sparsity=0.5, reestimate_norms=True)
    assert prune_channels(Checkpoint(model), channels, around).facts["norms_reestimated"] == 1
    done = prune_sensing(Checkpoint(model), sensing, around)
    assert done.facts["norms_reestimated"] == 1
    h = X @ values(done.checkpoint.model)["a"]
    assert np.allclose(values(done.checkpoint.model)["mean"], h.mean(axis=0), rtol=1e-5)
    held = Checkpoint(model, {"mean": Trait(multiples=Multiples((1.0,), None, 50))})
    for refused in (
        lambda: prune_channels(held, channels, around),
        lambda: prune_sensing(held, sensing, around),
        lambda: prune_weights(held, weights, around),
    ):
        with pytest.raises(StepImpossible, match="statistics 'mean' of a BatchNorm are held"):
            refused()
