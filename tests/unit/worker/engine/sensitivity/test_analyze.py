"""analyze.sensitivity: a row for each weight and change, and the model as it was."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.analyze import AnalyzeSensitivity, AsIntegers, AsZeros
from tests.unit.worker.engine.layerwise.mixed import mixed, mixed_inputs
from tests.unit.worker.engine.points import Points
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.sensitivity.analyze import analyze_sensitivity, without_least

__all__ = ["mixed", "mixed_inputs"]


def net() -> onnx.ModelProto:
    """x (n, 64) -> Gemm loud -> Gemm quiet + x through a third -> y (n, 3)."""
    draw = np.random.default_rng(4)
    nodes = [
        helper.make_node("MatMul", ["x", "loud"], ["a"]),
        helper.make_node("MatMul", ["x", "quiet"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    weights = {
        "loud": draw.normal(size=(64, 3)).astype(np.float32),
        "quiet": draw.normal(size=(64, 3)).astype(np.float32) / 100,
    }
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def looking(tmp_path: Path) -> Context:
    x = np.random.default_rng(5).normal(size=(50, 64)).astype(np.float32)
    return Context(io_spec(net()), tmp_path, task=Task(kind="none"), calibration=Points(x))


def test_every_weight_is_changed_alone_and_the_model_handed_on_as_it_is(
    looking: Context,
) -> None:
    before = Checkpoint(net())
    changes = (AsIntegers(bits=4), AsIntegers(bits=8), AsZeros(sparsity=0.5))
    spec = AnalyzeSensitivity(changes=changes, samples=40)
    outcome = analyze_sensitivity(before, spec, looking)
    assert outcome.checkpoint is before
    assert before.model == net()
    rows = {(row.weight, row.change): row for row in outcome.sensitivities}
    assert [change for weight, change in rows if weight == "loud"] == [
        "4 bits",
        "8 bits",
        "sparsity 0.5",
    ]
    for change in ("4 bits", "8 bits", "sparsity 0.5"):
        loud, quiet = rows["loud", change].loss, rows["quiet", change].loss
        assert loud is not None
        assert quiet == pytest.approx(loud / 1e4, rel=1)
    four, eight = rows["loud", "4 bits"], rows["loud", "8 bits"]
    assert (four.loss or 0) > 100 * (eight.loss or 0) > 0
    assert four.bytes_saved - eight.bytes_saved == pytest.approx(192 / 2, abs=8)
    assert 0 < eight.bytes_saved < 192 * 3
    assert rows["loud", "sparsity 0.5"].bytes_saved == 0
    assert outcome.facts["examples"] == 40
    assert outcome.facts["loss_in"] == "relative squared error"
    assert str(outcome.facts["most_sensitive"]).startswith("loud sparsity 0.5 ")


def test_the_score_is_lost_on_labels_of_held_out_train(looking: Context) -> None:
    """Labels are the float net's own answers, so zeroing weights can only lose."""
    weights = {t.name: numpy_helper.to_array(t) for t in net().graph.initializer}
    x = np.random.default_rng(6).normal(size=(400, 64)).astype(np.float32)
    answers = (x @ weights["loud"] + x @ weights["quiet"]).argmax(axis=1)
    context = Context(
        looking.io,
        looking.folder,
        task=Task(kind="classification"),
        train=Points(x, answers),
    )
    spec = AnalyzeSensitivity(measure="metric", changes=(AsZeros(sparsity=0.99),), samples=30)
    outcome = analyze_sensitivity(Checkpoint(net()), spec, context)
    loud, quiet = (row.loss for row in outcome.sensitivities)
    assert outcome.facts["loss_in"] == "accuracy"
    assert outcome.facts["examples"] == 30
    assert loud is not None
    assert loud > 0.3
    assert quiet is not None
    assert 0 <= quiet < 0.1


def test_the_smallest_magnitudes_become_zeros() -> None:
    weight = np.float32([[-1, 8, -3], [2, 0.5, -9]])
    assert without_least(weight, 0.5).tolist() == [[0, 8, -3], [0, 0, -9]]


def test_layers_of_every_kind_are_looked_at(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, tmp_path: Path
) -> None:
    class Both:
        count, has_labels = 40, False

        def inputs(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Arrays:
            return {name: values[rows] for name, values in mixed_inputs.items()}

        def labels(self, rows: object) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
            raise AssertionError(rows)

    context = Context(io_spec(mixed), tmp_path, task=Task(kind="none"), calibration=Both())
    spec = AnalyzeSensitivity(changes=(AsZeros(sparsity=0.9),))
    outcome = analyze_sensitivity(Checkpoint(mixed), spec, context)
    rows = {row.weight: row for row in outcome.sensitivities}
    assert set(rows) == {"conv", "gemm", "table", "w", "r", "matmul"}
    assert rows["r"].layer == "w"
    assert all((row.loss or 0) > 0 for row in rows.values())
    fewer = spec.model_copy(update={"embeddings": False, "protect": ("w",)})
    without = analyze_sensitivity(Checkpoint(mixed), fewer, context)
    assert {row.weight for row in without.sensitivities} == {"conv", "gemm", "matmul"}


def test_what_cannot_be_looked_at_is_refused(looking: Context) -> None:
    before = Checkpoint(net())
    nowhere = AnalyzeSensitivity(protect=("nowhere",))
    with pytest.raises(UnknownLayer, match="nowhere"):
        analyze_sensitivity(before, nowhere, looking)
    bare = Context(looking.io, looking.folder)
    with pytest.raises(StepImpossible, match="examples"):
        analyze_sensitivity(before, AnalyzeSensitivity(), bare)
    nothing = AnalyzeSensitivity(protect=("loud", "quiet"))
    with pytest.raises(StepImpossible, match="protected"):
        analyze_sensitivity(before, nothing, looking)
