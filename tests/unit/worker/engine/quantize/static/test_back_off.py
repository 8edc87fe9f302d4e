"""Layers that go back to floats: which, how many, and when none would be left."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import BudgetUnreachable, StepImpossible
from lathe.task import Task
from lathe.techniques.quantize import QuantizeStatic
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context, Samples
from worker.engine.graph.initializers import initializers
from worker.engine.judge import Judge
from worker.engine.quantize.static.lower import quantize_static
from worker.engine.sensitivity.divergence import Divergence

Floats = NDArray[np.float32]
COSTS = {"a": 1, "b": 5, "w": 2}  # tenths that are lost with the layer on integers


def cost(model: onnx.ModelProto) -> float:
    stored = initializers(model)
    return sum(tenths for name, tenths in COSTS.items() if f"{name}_quantized" in stored) / 10


@pytest.fixture
def looking(
    convnet: Checkpoint,
    images: Floats,
    samples: Callable[[Floats], Samples],
    context: Callable[..., Context],
) -> Context:
    made: Context = context(convnet, samples(images))
    return replace(made, task=Task(kind="none"))


@pytest.mark.parametrize(
    ("max_drop", "left", "drop"),
    [(0.8, None, 0.8), (0.79, "b", 0.3), (0.3, "b", 0.3), (0.29, "b, w", 0.1)],
)
def test_the_layers_that_cost_most_go_back_until_the_judge_is_content(
    convnet: Checkpoint,
    looking: Context,
    monkeypatch: pytest.MonkeyPatch,
    max_drop: float,
    left: str | None,
    drop: float,
) -> None:
    monkeypatch.setattr(Judge, "drop", lambda _, model: cost(model))
    monkeypatch.setattr(Divergence, "of", lambda _, model: cost(model) ** 2)
    outcome = quantize_static(convnet, QuantizeStatic(back_off=max_drop), looking)
    assert outcome.facts["layers_backed_off"] == left
    assert outcome.facts["drop"] == pytest.approx(drop)
    assert outcome.facts["float_layers"] == left
    assert cost(outcome.checkpoint.model) == pytest.approx(drop)


def test_ranges_come_from_other_examples_than_those_that_judge(
    convnet: Checkpoint, looking: Context
) -> None:
    outcome = quantize_static(convnet, QuantizeStatic(back_off=1.0, correct_bias=True), looking)
    assert outcome.facts["calibration_samples"] == 18
    assert outcome.facts["judged_by"] == "agreement"
    assert outcome.facts["biases_corrected"] == 3


def test_a_drop_that_no_integers_hold_is_refused_with_the_least_found(
    convnet: Checkpoint, looking: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Judge, "drop", lambda _, model: cost(model))
    monkeypatch.setattr(Divergence, "of", lambda _, model: cost(model))
    with pytest.raises(BudgetUnreachable, match=r"loses is 0\.10000, more than 0\.05") as found:
        quantize_static(convnet, QuantizeStatic(back_off=0.05), looking)
    assert found.value.param == "back_off"


def test_without_examples_to_spare_nobody_can_judge(
    convnet: Checkpoint,
    looking: Context,
    images: Floats,
    samples: Callable[[Floats], Samples],
) -> None:
    one = replace(looking, calibration=samples(images[:1]))
    with pytest.raises(StepImpossible, match="to judge by"):
        quantize_static(convnet, QuantizeStatic(back_off=0.1), one)
