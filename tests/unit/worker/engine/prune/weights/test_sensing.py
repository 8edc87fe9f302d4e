"""prune.sensing from checkpoint to checkpoint."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.helper import make_node

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.prune import PruneSensing
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.conftest import Around, Build
from tests.unit.worker.engine.prune.weights.test_by_inputs import Given, values
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Arrays
from worker.engine.prune.weights.sensing import prune_sensing
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run


def test_every_kind_of_layer_becomes_so_sparse_and_old_zeros_stay(
    mixed: onnx.ModelProto, mixed_inputs: Arrays, context: Around
) -> None:
    tensor = next(t for t in mixed.graph.initializer if t.name == "w")
    masked = numpy_helper.to_array(tensor).copy()
    masked[:, :3] = 0
    tensor.CopyFrom(numpy_helper.from_array(masked, "w"))
    before = Checkpoint(mixed, {"w": Trait(sparse=True)})
    around = replace(context(mixed), calibration=Given(mixed_inputs))
    outcome = prune_sensing(before, PruneSensing(sparsity=0.75, protect=("gemm",)), around)
    check_kept(before, outcome.checkpoint)
    left = values(outcome.checkpoint.model)
    assert {n: float((left[n] == 0).mean()) for n in ("conv", "matmul", "r")} == {
        "conv": 18 / 24, "matmul": 0.75, "r": 0.75,
    }  # fmt: skip
    assert float((left["w"] == 0).mean()) >= 0.75
    assert (left["w"][:, :3] == 0).all()
    assert np.array_equal(left["gemm"], values(mixed)["gemm"])
    assert set(outcome.checkpoint.traits) == {"conv", "w", "r", "matmul"}
    assert outcome.facts["examples"] == 40
    assert "gemm" not in str(outcome.facts["sparsity_by_layer"])
    assert np.isfinite(run(open_session(outcome.checkpoint.model), mixed_inputs)["y"]).all()


def test_a_layer_stays_within_the_error_and_one_of_less_error_is_denser(
    net: Build, context: Around
) -> None:
    draw = np.random.default_rng(8)
    x = (draw.normal(size=(300, 12)) @ draw.normal(size=(12, 12))).astype(np.float32)
    weight = draw.normal(size=(12, 5)).astype(np.float32)
    model = net([make_node("MatMul", ["x", "w"], ["y"])], [12], [5], w=weight)
    around = replace(context(model), train=Points(x))
    zeros = []
    for error in (0.02, 0.2):
        outcome = prune_sensing(Checkpoint(model), PruneSensing(error=error), around)
        left = values(outcome.checkpoint.model)["w"]
        apart = np.linalg.norm(x @ (left - weight)) / np.linalg.norm(x @ weight)
        assert 0.5 * error < apart <= error + 1e-5
        assert outcome.facts["response_error"] == pytest.approx(apart, rel=1e-3)
        zeros.append(int((left == 0).sum()))
    assert 0 < zeros[0] < zeros[1] < 60


def test_a_later_layer_makes_good_what_an_earlier_one_lost(net: Build, context: Around) -> None:
    # a answered 3 3 1 and answers 5/3 5/3 -5/3 by its first input, so h is 5/3 5/3 0;
    # E[h h'] = 10/3, E[h' h'] = 50/27, and a tenth of that is the ridge: b grows by 1.7273
    nodes = [
        make_node("MatMul", ["x", "a"], ["h"]),
        make_node("Relu", ["h"], ["r"]),
        make_node("MatMul", ["r", "b"], ["y"]),
    ]
    model = net(nodes, [2], [2], a=np.float32([[3], [1]]), b=np.float32([[1, 2]]))
    around = replace(context(model), calibration=Points(np.float32([[1, 0], [1, 0], [-1, 4]])))
    done = prune_sensing(Checkpoint(model), PruneSensing(sparsity=0.5), around).checkpoint
    left = values(done.model)
    assert left["a"].reshape(-1).tolist() == pytest.approx([5 / 3, 0], rel=1e-4)
    assert left["b"].reshape(-1).tolist() == pytest.approx([0, 2 * 1.72727], rel=1e-4)


def test_what_cannot_be_done_is_refused(net: Build, context: Around) -> None:
    weight = np.float32([[1, 2]])
    model = net([make_node("MatMul", ["x", "w"], ["y"])], [1], [2], w=weight)
    spec = PruneSensing(error=0.1)
    given = replace(context(model), calibration=Points(np.float32([[1], [2]])))
    with pytest.raises(StepImpossible, match="a layer's inputs; give"):
        prune_sensing(Checkpoint(model), spec, context(model))
    with pytest.raises(UnknownLayer, match="'nowhere'"):
        prune_sensing(Checkpoint(model), PruneSensing(error=0.1, protect=("nowhere",)), given)
    with pytest.raises(StepImpossible, match="no float weights"):
        prune_sensing(Checkpoint(model), PruneSensing(error=0.1, protect=("w",)), given)
    held = Checkpoint(model, {"w": Trait(multiples=Multiples((1.0,), None, 7))})
    with pytest.raises(StepImpossible, match="multiples of a step already"):
        prune_sensing(held, spec, given)
    with pytest.raises(StepImpossible, match="share values already"):
        prune_sensing(Checkpoint(model, {"w": Trait(codebook=3)}), spec, given)
    bad = replace(given, calibration=Points(np.float32([[np.inf]])))
    with pytest.raises(StepImpossible, match="'w' are NaN or infinite"):
        prune_sensing(Checkpoint(model), spec, bad)
