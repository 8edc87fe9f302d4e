"""prune.weights by what the loss leans on, and by scores in general."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.helper import make_node

from lathe.errors import StepImpossible
from lathe.task import Task
from lathe.techniques.prune import PruneWeights
from lathe.techniques.train import Adam
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.conftest import Around, Build
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.prune.evidence import Labelled
from worker.engine.prune.weights import loss_scores as module
from worker.engine.prune.weights.loss_scores import loss_scores
from worker.engine.prune.weights.prune import prune_weights
from worker.engine.run.traits import check_kept
from worker.engine.train.joint import task_lesson
from worker.engine.view import torch_view

X = np.float32([[1, 0.1], [3, 0.1]])


def values(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def regression(net: Build, context: Around) -> tuple[onnx.ModelProto, Context]:
    """y = x W of two targets, W = (in, out)."""
    weight = np.float32([[1, -2], [5, 30]])
    model = net([make_node("MatMul", ["x", "w"], ["y"])], [2], [2], w=weight)
    targets = X @ weight - np.float32([[1, 0.1], [1, 0.1]])
    task = Task(kind="regression")
    return model, replace(context(model), task=task, train=Points(X, targets))


def test_a_weight_matters_as_much_as_itself_times_its_gradient(
    net: Build, context: Around
) -> None:
    # errors 1 and .1: |w g| goes with |w| E[x] error: 1 2 1, 2 2 .1 | 5 .1 1, 30 .1 .1
    model, around = regression(net, context)
    for sparsity, left in ((0.25, [[1, -2], [5, 0]]), (0.5, [[1, 0], [5, 0]])):
        spec = PruneWeights(criterion="taylor", sparsity=sparsity)
        outcome = prune_weights(Checkpoint(model), spec, around)
        assert values(outcome.checkpoint.model)["w"].tolist() == left
    assert outcome.facts["examples"] == 2
    assert outcome.facts["loss"] == "mean_squared_error"
    assert outcome.checkpoint.traits == {"w": Trait(sparse=True)}


def test_in_a_pattern_weights_compete_with_the_other_inputs_of_their_output(
    net: Build, context: Around
) -> None:
    model, around = regression(net, context)
    spec = PruneWeights.model_validate({"criterion": "taylor", "pattern": {"keep": 1, "of": 2}})
    outcome = prune_weights(Checkpoint(model), spec, around)
    assert values(outcome.checkpoint.model)["w"].tolist() == [[1, -2], [0, 0]]
    plain = PruneWeights.model_validate({"pattern": {"keep": 1, "of": 2}})
    outcome = prune_weights(Checkpoint(model), plain, around)
    assert values(outcome.checkpoint.model)["w"].tolist() == [[0, 0], [5, 30]]


def test_all_layers_are_compared_and_each_keeps_a_weight(
    every_layer: Callable[..., onnx.ModelProto], learning: Context
) -> None:
    before = Checkpoint(every_layer(), {"g": Trait(sparse=True)})
    spec = PruneWeights(criterion="taylor", sparsity=0.95, scope="global", embeddings=True)
    outcome = prune_weights(before, spec, learning)
    check_kept(before, outcome.checkpoint)
    left = values(outcome.checkpoint.model)
    names = ("conv", "w", "r", "m", "g", "t", "table")
    assert all(np.count_nonzero(left[name]) for name in names)
    total = sum(left[name].size for name in names)
    zeros = sum(int((left[name] == 0).sum()) for name in names)
    assert 0.95 * total - len(names) <= zeros <= 0.95 * total + 0.5
    assert set(outcome.checkpoint.traits) == set(names)


def test_the_scores_of_a_recurrent_layer_stand_where_its_weights_stand(
    every_layer: Callable[..., onnx.ModelProto], learning: Context
) -> None:
    draw = np.random.default_rng(5)
    w = draw.normal(size=(2, 12, 4)).astype(np.float32)
    w[1, 3:6] *= 1e-9  # the output gate of one direction hardly matters to anything
    w[0, 9:12] *= 1e-9  # nor do the cell's inputs of the other
    spec = PruneWeights(
        criterion="taylor", sparsity=0.4, protect=("conv", "m", "g", "t", "table")
    )
    outcome = prune_weights(Checkpoint(every_layer(w=w)), spec, learning)
    left = values(outcome.checkpoint.model)["w"]
    assert (left[1, 3:6] == 0).all()
    assert (left[0, 9:12] == 0).all()
    assert np.array_equal(left[left != 0], w[left != 0])
    assert (left == 0).sum() == 38  # 38.4 of 96


def test_a_loss_needs_labels_and_a_task(
    every_layer: Callable[..., onnx.ModelProto], learning: Context
) -> None:
    before, spec = Checkpoint(every_layer()), PruneWeights(criterion="taylor", sparsity=0.5)
    with pytest.raises(StepImpossible, match="no labels"):
        prune_weights(before, spec, replace(learning, train=Points(X)))
    with pytest.raises(StepImpossible, match="no task"):
        prune_weights(before, spec, replace(learning, task=None))
    with pytest.raises(StepImpossible, match=r"one of data\.train"):
        prune_weights(before, spec, replace(learning, train=None))
    every = {"pattern": {"keep": 1, "of": 7}}
    with pytest.raises(StepImpossible, match=r"in blocks of 7: conv \(1 inputs are no mul"):
        prune_weights(before, PruneWeights.model_validate(every), learning)


def test_a_pattern_that_training_rises_to_holds_in_every_layer_that_it_fits(
    every_layer: Callable[..., onnx.ModelProto], learning: Context
) -> None:
    m = values(every_layer())["m"].copy()
    m[:4, 0] = 0  # more than a half of the first output's inputs
    before = Checkpoint(every_layer(m=m), {"m": Trait(sparse=True)})
    spec = PruneWeights.model_validate(
        {
            "pattern": {"keep": 1, "of": 2}, "epochs": 5, "batch_size": 16, "update_every": 2,
            "optimizer": Adam(lr=0.03),
        }
    )  # fmt: skip
    outcome = prune_weights(before, spec, learning)
    done = outcome.checkpoint
    check_kept(before, done)
    left = values(done.model)
    blocks = (left["w"] != 0).reshape(2, 12, 2, 2).sum(axis=3)  # inputs along the last axis
    assert (blocks == 1).all()
    assert ((left["m"] != 0).reshape(3, 2, 5).sum(axis=1) <= 1).all()  # along the first
    assert (left["m"] != 0).sum() == 15 - 2
    assert set(done.traits) == {"w", "m"}
    assert "r (3 inputs are no multiple of 2)" in str(outcome.facts["left_alone"])
    assert (left["r"] != 0).all()
    assert outcome.facts["best_epoch"] >= 3


def test_scores_are_means_over_batches_and_nothing_where_the_loss_does_not_look(
    net: Build, context: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of one example each dL/dw = x error: 1 .1 and .1 .01, then 3 .3 and .1 .01
    monkeypatch.setattr(module, "BATCH", 1)
    model, around = regression(net, context)
    model.graph.node.append(make_node("MatMul", ["x", "v"], ["z"]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32([[4], [5]]), "v"))
    model.graph.output.append(onnx.helper.make_tensor_value_info("z", 1, ["n", 1]))
    labelled = Labelled.of(task_lesson(around, model), 2, around)
    scores = loss_scores(torch_view(model), ["w", "v"], labelled, around)
    assert scores["w"] == pytest.approx(np.float32([[2, 0.4], [0.5, 0.3]]), rel=1e-4)
    assert scores["v"].tolist() == [[0], [0]]
