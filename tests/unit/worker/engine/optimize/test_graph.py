"""optimize.graph from checkpoint to checkpoint."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import EffectLost
from lathe.techniques.optimize import OptimizeGraph
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint, Multiples, QuantizedWeights, Trait
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.optimize import graph
from worker.engine.optimize.graph import optimize_graph
from worker.engine.session import open_session, run


@pytest.fixture
def model() -> onnx.ModelProto:
    """Dropout -> Conv -> BatchNormalization -> two equal Relus -> Add -> times a constant."""
    draw = np.random.default_rng(6)
    norm = ("gamma", "beta", "mean", "var")
    tensors = {
        "w": draw.normal(size=(4, 2, 3)).astype(np.float32),
        "two": np.float32(2),
        "half": np.float32(0.5),
        "forgotten": np.ones(1000, np.float32),
        **{name: draw.uniform(0.5, 2, size=4).astype(np.float32) for name in norm},
    }
    nodes = [
        helper.make_node("Dropout", ["x"], ["kept"]),
        helper.make_node("Conv", ["kept", "w"], ["h"]),
        helper.make_node("BatchNormalization", ["h", *norm], ["n"]),
        helper.make_node("Relu", ["n"], ["r"]),
        helper.make_node("Relu", ["n"], ["r_again"]),
        helper.make_node("Add", ["r", "r_again"], ["sum"]),
        helper.make_node("Div", ["two", "half"], ["four"]),
        helper.make_node("Mul", ["sum", "four"], ["scaled"]),
        helper.make_node("Identity", ["scaled"], ["y"]),
        helper.make_node("Sigmoid", ["r"], ["unread"]),
    ]
    body = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4, 5])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def context(model: onnx.ModelProto, tmp_path: Path) -> Context:
    return Context(io=io_spec(model), folder=tmp_path)


def test_every_pass_finds_its_prey_and_the_function_and_names_stay(
    model: onnx.ModelProto, context: Context
) -> None:
    before = model.SerializeToString(deterministic=True)
    outcome = optimize_graph(Checkpoint(model), OptimizeGraph(), context)
    slim = outcome.checkpoint.model
    assert [n.op_type for n in slim.graph.node] == ["Conv", "Relu", "Add", "Mul"]
    assert {t.name for t in slim.graph.initializer} == {"w", "beta", "four"}
    assert io_spec(slim) == io_spec(model)
    x = np.random.default_rng(1).normal(size=(3, 2, 7)).astype(np.float32)
    wanted, given = (run(open_session(m), {"x": x})["y"] for m in (model, slim))
    np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)
    assert model.SerializeToString(deterministic=True) == before
    assert outcome.facts == {
        "nodes_before": 10,
        "nodes_after": 4,
        "bytes_before": model.ByteSize(),
        "bytes_after": slim.ByteSize(),
        "constants_removed": 1,
        "passthrough_removed": 2,
        "batch_norms_removed": 1,
        "duplicates_removed": 1,
        "dead_removed": 1,
    }
    assert model.ByteSize() - slim.ByteSize() > 4000


def test_traits_stay_and_a_weight_on_a_grid_is_not_rescaled(
    model: onnx.ModelProto, context: Context
) -> None:
    grid = Trait(grid=QuantizedWeights(bits=8, symmetric=True, axis=0))
    outcome = optimize_graph(Checkpoint(model, {"w": grid}), OptimizeGraph(), context)
    assert outcome.checkpoint.traits == {"w": grid}
    assert outcome.facts["batch_norms_removed"] == 0


@pytest.mark.parametrize(
    "trait", [Trait(codebook=70), Trait(multiples=Multiples((1.0,), None, 1))]
)
def test_shared_values_and_multiples_are_not_rescaled(
    model: onnx.ModelProto, context: Context, trait: Trait
) -> None:
    outcome = optimize_graph(Checkpoint(model, {"w": trait}), OptimizeGraph(), context)
    assert outcome.facts["batch_norms_removed"] == 0


def test_a_clean_graph_stays_as_it_is_and_progress_is_said(
    model: onnx.ModelProto, context: Context
) -> None:
    first = optimize_graph(Checkpoint(model), OptimizeGraph(), context)
    said: list[Progress] = []
    again = optimize_graph(
        first.checkpoint,
        OptimizeGraph(),
        Context(context.io, context.folder, progress=said.append),
    )
    assert again.facts["nodes_after"] == again.facts["nodes_before"] == 4
    assert len(said) == 1


def test_a_pass_that_changed_the_function_is_caught(
    model: onnx.ModelProto, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(spoilt: onnx.ModelProto) -> int:
        weight = next(t for t in spoilt.graph.initializer if t.name == "w")
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.01, "w"))
        return 0

    monkeypatch.setattr(graph, "drop_duplicates", spoil)
    with pytest.raises(EffectLost, match="another function"):
        optimize_graph(Checkpoint(model), OptimizeGraph(), context)
