"""wanda and sparsegpt from checkpoint to checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.helper import make_node

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneWeights
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.conftest import Around, Build
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Arrays
from worker.engine.prune.weights.prune import prune_weights
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run

TWO = [make_node("MatMul", ["x", "a"], ["h"]), make_node("MatMul", ["h", "b"], ["y"])]
A = np.float32([[5, 1], [0.1, 3]])  # (in, out)
B = np.float32([[1], [0.828]])
X = np.float32([[1, 0], [0, 2]])


@dataclass(frozen=True)
class Given:
    """Unlabelled inputs by name."""

    arrays: Mapping[str, NDArray[np.generic]]
    has_labels = False

    @property
    def count(self) -> int:
        return len(next(iter(self.arrays.values())))

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {name: array[rows] for name, array in self.arrays.items()}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        raise AssertionError("nobody asks for labels")


def values(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def test_later_layers_see_what_earlier_ones_answer_when_they_are_pruned(
    net: Build, context: Around
) -> None:
    # h was (5, 1), (.2, 6) with norms 5.004, 6.083: 5.004 < .828 * 6.083
    # and is (5, 0), (0, 6):                             5 > .828 * 6
    model = net(TWO, [2], [1], a=A, b=B)
    around = replace(context(model), calibration=Points(X))
    spec = PruneWeights(sparsity=0.5, criterion="wanda")
    outcome = prune_weights(Checkpoint(model), spec, around)
    left = values(outcome.checkpoint.model)
    assert left["a"].tolist() == [[5, 0], [0, 3]]
    assert left["b"].tolist() == [[1], [0]]
    assert outcome.facts["examples"] == 2
    assert outcome.facts["sparsity"] == 0.5
    assert set(outcome.checkpoint.traits) == {"a", "b"}


def test_every_output_keeps_a_weight(net: Build, context: Around) -> None:
    model = net(TWO, [2], [1], a=A, b=B)
    around = replace(context(model), calibration=Points(X))
    outcome = prune_weights(
        Checkpoint(model), PruneWeights(sparsity=0.99, criterion="wanda"), around
    )
    assert values(outcome.checkpoint.model)["a"].tolist() == [[5, 0], [0, 3]]


def test_sparsegpt_makes_good_what_other_inputs_can_say(net: Build, context: Around) -> None:
    draw = np.random.default_rng(3).normal(size=(64, 3)).astype(np.float32)
    x = np.concatenate([draw, draw * 2], axis=1)  # inputs 3 to 5 say all that 0 to 2 do
    weight = np.random.default_rng(4).normal(size=(6, 4)).astype(np.float32)
    model = net([make_node("Gemm", ["x", "w"], ["y"])], [6], [4], w=weight)
    around = replace(context(model), calibration=Points(x))
    outcome = prune_weights(
        Checkpoint(model), PruneWeights(sparsity=0.5, criterion="sparsegpt"), around
    )
    left = values(outcome.checkpoint.model)["w"]
    assert (left == 0).sum() == 12
    whole = x @ weight
    unmended = x @ np.where(left == 0, np.float32(0), weight) - whole
    assert np.linalg.norm(x @ left - whole) < 0.5 * np.linalg.norm(unmended)
    error = outcome.facts["response_error"]
    assert isinstance(error, float)
    assert error == pytest.approx(
        np.linalg.norm(x @ left - whole) / np.linalg.norm(whole), rel=1e-3
    )
    assert outcome.facts["response_error_in"] == "w"


@pytest.mark.parametrize("criterion", ["wanda", "sparsegpt"])
def test_every_kind_of_layer_is_pruned_and_old_zeros_stay(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, context: Around, criterion: str
) -> None:
    masked = numpy_helper.to_array(next(t for t in mixed.graph.initializer if t.name == "r"))
    masked = np.where(np.abs(masked) < 0.5, np.float32(0), masked)
    for tensor in mixed.graph.initializer:
        if tensor.name == "r":
            tensor.CopyFrom(numpy_helper.from_array(masked, "r"))
    before = Checkpoint(mixed, {"r": Trait(sparse=True)})
    around = replace(context(mixed), calibration=Given(mixed_inputs))
    spec = PruneWeights.model_validate(
        {"sparsity": 0.5, "criterion": criterion, "embeddings": True}
    )
    outcome = prune_weights(before, spec, around)
    check_kept(before, outcome.checkpoint)
    left = values(outcome.checkpoint.model)
    zeros = {name: float((left[name] == 0).mean()) for name in ("gemm", "w", "matmul")}
    wanted = 0.6 if criterion == "wanda" else 0.5  # 2.5 of 5 inputs of w, half up
    assert zeros == {"gemm": 0.5, "w": wanted, "matmul": 0.5}
    assert (left["conv"] == 0).mean() == 0.5
    assert (left["r"] == 0)[masked == 0].all()
    assert (left["table"] != 0).all()
    assert outcome.facts["left_alone"] == "table (its inputs cannot be looked at)"
    assert set(outcome.checkpoint.traits) == {"conv", "gemm", "w", "r", "matmul"}
    assert outcome.facts["examples"] == 40
    outputs = run(open_session(outcome.checkpoint.model), mixed_inputs)
    assert np.isfinite(outputs["y"]).all()


@pytest.mark.parametrize("criterion", ["wanda", "sparsegpt"])
def test_a_pattern_holds_in_every_block_of_the_layers_that_it_fits(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, context: Around, criterion: str
) -> None:
    around = replace(context(mixed), train=Given(mixed_inputs))
    spec = PruneWeights.model_validate(
        {"pattern": {"keep": 1, "of": 4}, "criterion": criterion, "protect": ["matmul"]}
    )
    outcome = prune_weights(Checkpoint(mixed), spec, around)
    left = values(outcome.checkpoint.model)
    assert ((left["gemm"] != 0).reshape(3, 16, 4).sum(axis=2) == 1).all()
    assert set(outcome.checkpoint.traits) == {"gemm"}
    assert outcome.facts["pattern"] == "1 of 4"
    assert outcome.facts["left_alone"] == (
        "conv (1 inputs are no multiple of 4), w (5 inputs are no multiple of 4), "
        "r (6 inputs are no multiple of 4)"
    )
    old = values(mixed)
    assert all(np.array_equal(left[name], old[name]) for name in ("conv", "w", "r", "matmul"))


def test_what_cannot_be_looked_at_is_refused(
    mixed: onnx.ModelProto, net: Build, context: Around
) -> None:
    model = net(TWO, [2], [1], a=A, b=B)
    wanda = PruneWeights(sparsity=0.5, criterion="wanda")
    with pytest.raises(StepImpossible, match="a layer's inputs; give"):
        prune_weights(Checkpoint(model), wanda, context(model))
    bad = replace(context(model), calibration=Points(np.float32([[1, np.nan]])))
    for criterion in ("wanda", "sparsegpt"):
        spec = wanda.model_copy(update={"criterion": criterion})
        with pytest.raises(StepImpossible, match="'a' are NaN or infinite"):
            prune_weights(Checkpoint(model), spec, bad)
    only_table = PruneWeights.model_validate(
        {
            "sparsity": 0.5, "criterion": "wanda", "embeddings": True,
            "protect": ["conv", "gemm", "w", "matmul"],
        }
    )  # fmt: skip
    with pytest.raises(StepImpossible, match="no layer whose inputs tell: table"):
        prune_weights(Checkpoint(mixed), only_table, context(mixed))


def test_multiples_are_not_updated(net: Build, context: Around) -> None:
    model = net(TWO, [2], [1], a=np.round(A), b=B)
    before = Checkpoint(model, {"a": Trait(multiples=Multiples((1.0,), None, 7))})
    around = replace(context(model), calibration=Points(X))
    spec = PruneWeights(sparsity=0.5, criterion="sparsegpt")
    with pytest.raises(StepImpossible, match="'a' are multiples of a step already"):
        prune_weights(before, spec, around)
    wanda = PruneWeights(sparsity=0.5, criterion="wanda")
    check_kept(before, prune_weights(before, wanda, around).checkpoint)
