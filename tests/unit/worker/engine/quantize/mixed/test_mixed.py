"""quantize.mixed: budgets that hold, and those that cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from pydantic import ValidationError

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.quantize import QuantizeMixed
from tests.unit.worker.engine.layerwise.graphs import made
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.quantize.blocks.conftest import answers, both, seeing, wide
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.judge import Judge
from worker.engine.onnx_file.write import file_bytes
from worker.engine.outcome import Outcome
from worker.engine.quantize.mixed.mixed import quantize_mixed

__all__ = ["answers", "both", "seeing", "wide"]

Mix = Callable[..., Outcome]
COARSE: dict[str, Any] = {
    "granularity": {"per": "block", "size": 16},
    "rounding": {"method": "rtn"},
}


def net() -> onnx.ModelProto:
    """x (n, 32) -> Gemm a -> Relu -> Gemm b -> Gemm c -> y (n, 40)."""
    draw = np.random.default_rng(4)
    nodes = [
        helper.make_node("Gemm", ["x", "a"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "b"], ["g"]),
        helper.make_node("Gemm", ["g", "c"], ["y"]),
    ]
    shapes = {"a": (32, 64), "b": (64, 48), "c": (48, 40)}
    tensors = {name: draw.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    kind = TensorProto.FLOAT
    return made(nodes, tensors, {"x": (kind, ["n", 32])}, {"y": (kind, ["n", 40])})


@pytest.fixture
def mix(tmp_path: Path) -> Mix:
    x = np.random.default_rng(5).normal(size=(20, 32)).astype(np.float32)
    context = Context(io_spec(net()), tmp_path, task=Task(kind="none"), calibration=Points(x))

    def run(**fields: Any) -> Outcome:
        spec = QuantizeMixed.model_validate({**COARSE, **fields})
        return quantize_mixed(Checkpoint(net()), spec, context)

    return run


def widths(outcome: Outcome) -> dict[str, int]:
    return {
        name: trait.grid.bits
        for name, trait in outcome.checkpoint.traits.items()
        if trait.grid is not None
    }


def test_the_file_fits_and_layers_of_every_kind_have_different_bits(
    wide: onnx.ModelProto,
    seeing: Context,
    answers: Callable[[onnx.ModelProto], NDArray[np.float32]],
) -> None:
    limit = int(0.3 * file_bytes(wide))
    spec = QuantizeMixed.model_validate({**COARSE, "max_bytes": limit, "bits": [2, 4, 8]})
    outcome = quantize_mixed(Checkpoint(wide), spec, seeing)
    model = outcome.checkpoint.model
    assert 0.85 * limit < file_bytes(model) <= limit
    assert len(set(widths(outcome).values())) > 1
    assert outcome.checkpoint.lowered
    assert io_spec(model) == io_spec(wide)
    before, after = answers(wide), answers(model)
    assert np.square(after - before).sum() < 0.1 * np.square(before - before.mean(0)).sum()
    told = {f"tensors_of_{b}_bits": list(widths(outcome).values()).count(b) for b in (2, 4, 8)}
    assert {k: v for k, v in told.items() if v} == {
        k: v for k, v in outcome.facts.items() if k.startswith("tensors_of_")
    }


def test_the_report_tells_what_each_width_loses_and_saves(mix: Mix) -> None:
    rows = {(row.weight, row.change): row for row in mix(keep_bytes=0.6).sensitivities}
    assert len(rows) == 6
    assert (rows["b", "4 bits"].loss or 0) > (rows["b", "8 bits"].loss or 0) > 0
    more = rows["b", "4 bits"].bytes_saved - rows["b", "8 bits"].bytes_saved
    assert more == pytest.approx(64 * 48 / 2 + 48 * 4 / 2, abs=8)  # codes and zero points


def test_layers_go_back_until_the_judge_is_content(
    mix: Mix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge counts integers: 1/4 is lost by each weight on them, and 2/4 are allowed."""

    def drop(_: Judge, model: onnx.ModelProto) -> float:
        return sum(n.endswith("_quantized") for n in initializers(model)) / 4

    monkeypatch.setattr(Judge, "drop", drop)
    outcome = mix(max_drop=0.5, bits=[4])
    assert len(widths(outcome)) == 2
    assert outcome.facts["drop"] == 0.5
    assert outcome.facts["nets_judged"] == 3
    loosest = mix(max_drop=0.75, bits=[4])
    assert len(widths(loosest)) == 3
    assert loosest.facts["nets_judged"] == 1


def test_a_budget_that_nothing_meets_is_refused_with_the_best_found(
    mix: Mix, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BudgetUnreachable, match="the file takes") as small:
        mix(max_bytes=500, bits=[4])
    assert small.value.param == "max_bytes"
    monkeypatch.setattr(Judge, "drop", lambda *_: 0.25)
    with pytest.raises(BudgetUnreachable, match=r"loses is 0\.25000, more than 0\.2"):
        mix(max_drop=0.2)
    with pytest.raises(BudgetUnreachable, match=r"loses 0\.25000, more than 0\.2") as lossy:
        mix(max_drop=0.2, keep_bytes=0.5)
    assert lossy.value.param == "max_drop"


def test_what_cannot_be_done_is_refused_before_any_work(mix: Mix, tmp_path: Path) -> None:
    with pytest.raises(StepImpossible, match="fits already"):
        mix(max_bytes=10**9)
    with pytest.raises(UnknownLayer, match="nowhere"):
        mix(keep_bytes=0.5, protect=["nowhere"])
    bare = Context(io_spec(net()), tmp_path)
    with pytest.raises(StepImpossible, match="examples"):
        quantize_mixed(Checkpoint(net()), QuantizeMixed(keep_bytes=0.5), bare)
    lowered = mix(keep_bytes=0.5).checkpoint
    with pytest.raises(StepImpossible, match="quantized already"):
        quantize_mixed(lowered, QuantizeMixed(keep_bytes=0.5), bare)


def test_protected_layers_stay_float(mix: Mix) -> None:
    outcome = mix(keep_bytes=0.6, protect=["c"])
    assert "c" not in widths(outcome)
    assert initializers(outcome.checkpoint.model)["c"] == initializers(net())["c"]


def test_a_step_without_one_budget_is_no_step() -> None:
    for fields in ({}, {"max_bytes": 9, "keep_bytes": 0.5}, {"bits": [4, 4], "max_drop": 0}):
        with pytest.raises(ValidationError):
            QuantizeMixed.model_validate(fields)
