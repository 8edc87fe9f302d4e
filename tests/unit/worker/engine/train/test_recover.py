"""train.recover from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import EffectLost, StepImpossible
from lathe.techniques.train import Adam, Recover
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.session import open_session, run
from worker.engine.train import retrain
from worker.engine.train.recover import recover

Build = Callable[..., onnx.ModelProto]
SPEC = Recover(epochs=4, batch_size=32, optimizer=Adam(lr=0.05))


def arrays(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


@pytest.mark.parametrize("ops", [(), ("Softmax",), ("LogSoftmax",)])
def test_a_net_learns_its_task_and_onnxruntime_agrees(
    net: Build, context: Context, ops: tuple[str, ...]
) -> None:
    before = Checkpoint(net(*ops), traits={"a": Trait(channels=5)})
    outcome = recover(before, SPEC, context)
    assert context.train is not None
    rows = np.arange(200)
    said = run(open_session(outcome.checkpoint.model), context.train.inputs(rows))["y"]
    assert (said.argmax(1) == context.train.labels(rows)).mean() > 0.95
    assert outcome.facts["held_out_score_after"] > outcome.facts["held_out_score_before"]
    assert outcome.checkpoint.traits == before.traits
    assert arrays(before.model)["a"].tolist() == arrays(net(*ops))["a"].tolist()


def test_the_same_seed_gives_the_same_file(net: Build, context: Context) -> None:
    files = [
        recover(Checkpoint(net()), SPEC, replace(context, seed=seed)).checkpoint.model
        for seed in (1, 1, 2)
    ]
    first, again, other = (m.SerializeToString(deterministic=True) for m in files)
    assert first == again
    assert first != other


def test_batch_norm_learns_its_statistics_and_they_are_written_back(context: Context) -> None:
    norm = {name: np.ones(3, np.float32) for name in ("gamma", "beta", "mean", "var")}
    nodes = [
        helper.make_node("Conv", ["three", "w"], ["h"]),
        helper.make_node("BatchNormalization", ["h", *norm], ["n"]),
        helper.make_node("Flatten", ["n"], ["y"]),
    ]
    nodes.insert(0, helper.make_node("Unsqueeze", ["x", "last"], ["three"]))
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [
            numpy_helper.from_array(np.array([2]), "last"),
            numpy_helper.from_array(np.float32([[[1], [0]], [[0], [1]], [[1], [1]]]), "w"),
            *(numpy_helper.from_array(array, name) for name, array in norm.items()),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    outcome = recover(Checkpoint(model), SPEC, context)
    learnt = arrays(outcome.checkpoint.model)
    assert not np.allclose(learnt["mean"], 1, atol=0.05)
    assert not np.allclose(learnt["var"], 1, atol=0.05)


def test_what_cannot_be_trained_is_refused_before_any_work(
    net: Build, context: Context
) -> None:
    with pytest.raises(StepImpossible, match="no labels"):
        recover(Checkpoint(net()), SPEC, replace(context, train=replace(context.train, y=None)))
    with pytest.raises(StepImpossible, match="at least 2 examples"):
        recover(Checkpoint(net()), SPEC, replace(context, train=None))
    with pytest.raises(StepImpossible, match="no task"):
        recover(Checkpoint(net()), SPEC, replace(context, task=None))
    fixed = net()
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    with pytest.raises(StepImpossible, match="fixes the batch size at 4"):
        recover(Checkpoint(fixed), SPEC, context)


def test_a_lost_width_is_noticed(
    net: Build, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain, "hand_back", lambda *_: net(hidden=4))
    with pytest.raises(EffectLost, match="'a'"):
        recover(Checkpoint(net(), traits={"a": Trait(channels=5)}), SPEC, context)
