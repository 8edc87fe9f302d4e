"""prune.weights from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.helper import make_node

from lathe.errors import StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.prune import PruneWeights
from lathe.techniques.train import Adam
from tests.unit.worker.engine.prune.reading import arrays
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Arrays, Context
from worker.engine.onnx_file.spill import Spill
from worker.engine.prune.weights.prune import prune_weights
from worker.engine.run.traits import check_kept

Build = Callable[..., onnx.ModelProto]
Around = Callable[[onnx.ModelProto], Context]
MLP = [
    make_node("Gemm", ["x", "a", "a_bias"], ["h"], transB=1),
    make_node("Relu", ["h"], ["r"]),
    make_node("MatMul", ["r", "b"], ["y"]),
]
A = np.float32([[1, -2], [3, 0], [-5, 6], [7, -8]])
B = np.float32([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6], [0.7, 0.8, 0.9], [1, 1.1, -1.2]])


@pytest.fixture
def mlp(net: Build) -> onnx.ModelProto:
    return net(MLP, [2], [3], a=A, a_bias=np.float32([1e-9, 0.1, 0.1, 0.1]), b=B)


def pruned(
    model: onnx.ModelProto, around: Context, **spec: object
) -> tuple[dict[str, NDArray[np.float32]], dict[str, object], Checkpoint]:
    before = Checkpoint(model)
    outcome = prune_weights(before, PruneWeights.model_validate(spec), around)
    check_kept(before, outcome.checkpoint)
    return arrays(outcome.checkpoint.model), dict(outcome.facts), outcome.checkpoint


def test_the_smallest_of_every_layer_go_and_biases_stay(
    mlp: onnx.ModelProto, context: Around
) -> None:
    left, facts, done = pruned(mlp, context(mlp), sparsity=0.5)
    assert left["a"].tolist() == [[0, 0], [0, 0], [-5, 6], [7, -8]]
    assert left["b"].tolist() == [[0] * 3, [0] * 3, B[2].tolist(), B[3].tolist()]
    assert left["a_bias"].tolist() == arrays(mlp)["a_bias"].tolist()
    assert done.traits == {"a": Trait(sparse=True), "b": Trait(sparse=True)}
    assert (facts["weights"], facts["zeros"], facts["sparsity"]) == (20, 10, 0.5)
    assert facts["sparsity_before"] == 0.05
    assert facts["sparsity_by_layer"] == "a 0.5000, b 0.5000"


def test_a_share_is_rounded_half_up_and_of_equals_the_first_go(
    net: Build, context: Around
) -> None:
    weight = np.float32([[2, 1, 1], [1, 3, 4]])
    model = net([make_node("MatMul", ["x", "b"], ["y"])], [2], [3], b=weight)
    left, _, _ = pruned(model, context(model), sparsity=0.4)  # 2.4 of 6
    assert left["b"].tolist() == [[2, 0, 0], [1, 3, 4]]
    left, _, _ = pruned(model, context(model), sparsity=0.42)  # 2.52 of 6
    assert left["b"].tolist() == [[2, 0, 0], [0, 3, 4]]


def test_weights_of_all_layers_are_compared_by_their_share_of_what_is_left(
    mlp: onnx.ModelProto, context: Around
) -> None:
    # a: 0 1/188 4/187 9/183 25/174 = .144 | 36/149 = .242
    # b: .01/6.5 ... .64/5.1 = .125 .81/4.46 = .182 | 1/3.65 = .274; 14 of 20 fall
    left, facts, _ = pruned(mlp, context(mlp), sparsity=0.7, scope="global")
    assert left["a"].tolist() == [[0, 0], [0, 0], [0, 6], [7, -8]]
    assert np.count_nonzero(left["b"]) == 3
    assert facts["sparsity_by_layer"] == "a 0.6250, b 0.7500"
    left, facts, _ = pruned(mlp, context(mlp), sparsity=0.99, scope="global")
    assert facts["zeros"] == 18  # each layer keeps one


def test_a_threshold_counts_in_the_weights_unit_or_in_their_deviation(
    mlp: onnx.ModelProto, context: Around
) -> None:
    left, _, _ = pruned(mlp, context(mlp), criterion="threshold", threshold=3, unit="absolute")
    assert left["a"].tolist() == [[0, 0], [3, 0], [-5, 6], [7, -8]]
    assert np.count_nonzero(left["b"]) == 1  # all are below 3; the largest stays
    assert left["b"][3, 2] == np.float32(-1.2)
    # a: mean 0.25, std sqrt(23.5 - 0.0625) = 4.841
    left, _, _ = pruned(mlp, context(mlp), criterion="threshold", threshold=1)
    assert left["a"].tolist() == [[0, 0], [0, 0], [-5, 6], [7, -8]]
    assert np.array_equal(left["b"] != 0, np.abs(B) >= B.std())


def test_every_kind_of_layer_is_pruned_and_tables_when_asked(
    net: Build, context: Around
) -> None:
    nodes = [
        make_node("Conv", ["x", "c"], ["h"]),
        make_node("Transpose", ["h"], ["t"], perm=[2, 0, 1]),
        make_node("LSTM", ["t", "w", "r", "bias"], ["", "l"], hidden_size=2),
        make_node("Squeeze", ["l", "zero"], ["s"]),
        make_node("ArgMax", ["s"], ["i"], axis=1, keepdims=0),
        make_node("Gather", ["table", "i"], ["y"]),
    ]
    model = net(
        nodes, [1, 3], [4], c=(3, 1, 1), w=(1, 8, 3), r=(1, 8, 2), bias=(1, 16),
        table=(2, 4), zero=np.array([0]),
    )  # fmt: skip
    left, facts, done = pruned(model, context(model), sparsity=0.75)
    zeros = {name: int((array == 0).sum()) for name, array in left.items()}
    assert zeros == {"c": 2, "w": 18, "r": 12, "bias": 0, "table": 0, "zero": 1}
    assert set(done.traits) == {"c", "w", "r"}
    assert facts["sparsity_by_layer"] == "c 0.6667, w 0.7500"
    left, _, _ = pruned(model, context(model), sparsity=0.75, embeddings=True, protect=["w"])
    assert [int((left[n] == 0).sum()) for n in ("c", "w", "r", "table")] == [2, 0, 0, 6]


def test_large_tensors_are_pruned_in_files(net: Build, context: Around) -> None:
    model = net([make_node("MatMul", ["x", "b"], ["y"])], [300], [400], b=(300, 400))
    around = context(model)
    expected = pruned(model, around, sparsity=0.9)[0]["b"]
    with Spill(around.folder / "large") as spill:
        spill.take(model.graph.initializer[0])
    outcome = prune_weights(Checkpoint(model), PruneWeights(sparsity=0.9), around)
    (tensor,) = outcome.checkpoint.model.graph.initializer
    assert tensor.data_location == onnx.TensorProto.EXTERNAL
    assert outcome.facts["zeros"] == 108_000 == int((expected == 0).sum())
    check_kept(outcome.checkpoint, outcome.checkpoint)


def test_zeros_of_an_earlier_pruning_count_and_stay(
    mlp: onnx.ModelProto, context: Around
) -> None:
    _, _, once = pruned(mlp, context(mlp), sparsity=0.5)
    again = prune_weights(once, PruneWeights(sparsity=0.25), context(mlp))
    assert again.facts["sparsity_before"] == again.facts["sparsity"] == 0.5
    check_kept(once, again.checkpoint)


def test_what_cannot_be_pruned_is_refused(
    mlp: onnx.ModelProto, net: Build, context: Around
) -> None:
    around = context(mlp)
    with pytest.raises(UnknownLayer, match="'nowhere'; it has a, b"):
        prune_weights(Checkpoint(mlp), PruneWeights(sparsity=0.5, protect=("nowhere",)), around)
    with pytest.raises(StepImpossible, match="no float weights to prune"):
        prune_weights(Checkpoint(mlp), PruneWeights(sparsity=0.5, protect=("a", "b")), around)
    shared = Checkpoint(mlp, {"b": Trait(codebook=12)})
    with pytest.raises(StepImpossible, match="'b' share values already; prune before"):
        prune_weights(shared, PruneWeights(sparsity=0.5), around)
    with pytest.raises(StepImpossible, match="at least 2 examples"):
        prune_weights(Checkpoint(mlp), PruneWeights(sparsity=0.5, epochs=1), around)


@dataclass(frozen=True)
class Labelled:
    """Points whose class the first net of this file could learn."""

    count = 90
    has_labels = True

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        table = np.random.default_rng(1).normal(size=(self.count, 2)).astype(np.float32)
        return {"x": table[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        x = self.inputs(np.arange(self.count))["x"]
        return np.asarray(np.where(x[:, 0] > 0.3, 2, x[:, 1] > 0).astype(np.int64)[rows])


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_pruning_while_training_ends_at_its_goal_and_the_model_has_learnt(
    net: Build, context: Around, scope: str
) -> None:
    model = net(MLP, [2], [3], a=(20, 2), a_bias=(20,), b=(20, 3))
    around = replace(context(model), task=Task(kind="classification"), train=Labelled())
    before = Checkpoint(model, {"a_bias": Trait(codebook=20)})
    spec = PruneWeights.model_validate(
        {
            "sparsity": 0.6, "scope": scope, "epochs": 12, "batch_size": 16, "update_every": 2,
            "optimizer": Adam(lr=0.03),
        }
    )  # fmt: skip
    outcome = prune_weights(before, spec, around)
    done = outcome.checkpoint
    check_kept(before, done)
    left = arrays(done.model)
    assert outcome.facts["zeros"] == 60
    if scope == "layer":
        assert ((left["a"] == 0).sum(), (left["b"] == 0).sum()) == (24, 36)
    assert outcome.facts["best_epoch"] >= 8  # 0.6 of 12 epochs is 7.2
    assert outcome.facts["held_out_score_after"] > 0.8
    assert done.traits == {
        "a": Trait(sparse=True), "b": Trait(sparse=True), "a_bias": Trait(codebook=20),
    }  # fmt: skip


def test_multiples_stay_multiples_while_they_are_pruned(net: Build, context: Around) -> None:
    codes = np.random.default_rng(4).integers(-7, 8, (20, 3)).astype(np.float32)
    model = net(MLP, [2], [3], a=(20, 2), a_bias=(20,), b=codes * np.float32(0.125))
    around = replace(context(model), task=Task(kind="classification"), train=Labelled())
    before = Checkpoint(model, {"b": Trait(multiples=Multiples((0.125,), None, 7))})
    spec = PruneWeights(sparsity=0.5, epochs=6, batch_size=16, optimizer=Adam(lr=0.03))
    done = prune_weights(before, spec, around).checkpoint
    check_kept(before, done)
    assert (arrays(done.model)["b"] == 0).sum() >= 30
    assert done.traits["b"].sparse
