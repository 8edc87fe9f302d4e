"""What a job spec refuses without looking at a model, and what it fills in."""

from typing import Any

import pytest
from pydantic import ValidationError

from lathe import ids
from lathe.job import COST_METRICS, LOWER_IS_BETTER, METRICS, JobSpec

MODEL, DATA = ids.new("mdl"), ids.new("dat")
SPLIT = {"dataset": DATA, "split": "s"}
DYNAMIC = {"technique": "quantize.dynamic"}
GRAPH = {"technique": "optimize.graph"}
PRUNE = {"technique": "prune.channels", "keep_macs": 0.5}


def spec(**body: Any) -> JobSpec:
    return JobSpec.model_validate({"model": MODEL, "pipeline": [DYNAMIC], **body})


def refusal(**body: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        spec(**body)
    return str(caught.value)


def test_the_shortest_spec_gets_every_default() -> None:
    whole = spec()
    assert whole.objective.metric == "size_bytes"
    assert [output.kind for output in whole.outputs] == ["onnx"]
    assert whole.benchmark is not None
    assert whole.benchmark.batch_sizes == (1,)
    assert (whole.resources.device, whole.resources.priority) == ("auto", 5)
    assert whole.baseline is None


def test_a_spec_comes_back_from_json_as_it_was() -> None:
    whole = spec(labels={"team": "cam"}, pipeline=[GRAPH, PRUNE, DYNAMIC], seed=17)
    assert JobSpec.model_validate_json(whole.model_dump_json()) == whole


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        ([DYNAMIC, GRAPH], "pipeline.1: optimize.graph changes floats"),
        ([DYNAMIC, DYNAMIC], "one quantize step at most"),
        ([GRAPH | {"id": "a"}, PRUNE | {"id": "a"}], "'a' is used twice"),
        ([GRAPH | {"id": "2-quantize_dynamic"}, DYNAMIC], "used twice"),
        ([{"technique": "quantize.static"}], "needs data.calibration"),
        ([{"technique": "train.recover"}], "needs data.train"),
        ([PRUNE | {"criterion": "taylor"}], "needs data.train"),
        ([], "at least 1"),
        ([GRAPH] * 17, "at most 16"),
        ([GRAPH | {"id": "Big"}], "pattern"),
        ([GRAPH | {"more": 1}], "Extra inputs"),
        ([{"technique": "prune.channels"}], "exactly one of keep_macs"),
        ([PRUNE | {"keep_macs": 1}], "less than 1"),
        ([PRUNE | {"keep_macs": float("nan")}], "finite"),
    ],
)
def test_a_pipeline_that_cannot_run_is_refused(pipeline: list[Any], told: str) -> None:
    assert told in refusal(pipeline=pipeline)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"task": {"kind": "classification"}}, "judged on data.evaluation"),
        ({"objective": {"minimize": "accuracy"}}, "'accuracy' is not measured"),
        ({"objective": {}}, "exactly one of minimize and maximize"),
        ({"constraints": [{"metric": "size_bytes"}]}, "exactly one of max_drop, max and min"),
        ({"constraints": [{"metric": "f1", "min": 1}]}, "constraints.0.metric: 'f1'"),
        ({"model": "net"}, "pattern"),
        ({"labels": {"a b": "x"}}, "pattern"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"benchmark": {"batch_sizes": []}}, "at least 1"),
        ({"data": {"train": SPLIT | {"samples": 0}}}, "greater than or equal to 1"),
        ({"resources": {"priority": 10}}, "less than or equal to 9"),
    ],
)
def test_what_makes_no_sense_together_is_refused(body: dict[str, Any], told: str) -> None:
    assert told in refusal(**body)


def test_a_task_offers_its_own_metrics_only() -> None:
    data = {"evaluation": SPLIT}
    told = refusal(data=data, task={"kind": "regression", "metrics": ["accuracy"]})
    assert "it offers mse, mae, r2" in told
    whole = spec(data=data, task={"kind": "regression", "metrics": ["r2"]})
    assert whole.task is not None
    assert whole.task.measured == ("r2",)
    assert "'mse' is not measured" in refusal(
        data=data,
        task={"kind": "regression", "metrics": ["r2"]},
        objective={"minimize": "mse"},
    )
    everything = spec(data=data, task={"kind": "regression"}, objective={"minimize": "mse"})
    assert everything.objective.metric == "mse"


def test_a_step_without_an_id_is_called_by_its_place_and_technique() -> None:
    whole = spec(pipeline=[GRAPH, PRUNE | {"id": "slim"}, DYNAMIC])
    assert [whole.step_id(n) for n in range(3)] == [
        "1-optimize_graph",
        "slim",
        "3-quantize_dynamic",
    ]


def test_the_purposes_that_are_set_are_walked_in_order() -> None:
    other = SPLIT | {"split": "t"}
    whole = spec(data={"evaluation": other, "train": SPLIT})
    assert [(purpose, split.split) for purpose, split in whole.data.splits()] == [
        ("train", "s"),
        ("evaluation", "t"),
    ]


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        spec().seed = 3  # type: ignore[misc]


def test_what_is_better_low_is_a_cost_or_an_error() -> None:
    quality = {metric for metrics in METRICS.values() for metric in metrics}
    assert set(COST_METRICS) < LOWER_IS_BETTER
    assert LOWER_IS_BETTER - set(COST_METRICS) == {"mse", "mae"}
    assert {"mse", "mae"} < quality
