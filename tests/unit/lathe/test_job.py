"""What a job spec refuses without looking at a model, and what it fills in."""

from typing import Any

import pytest
from pydantic import ValidationError

from lathe import ids
from lathe.job import JobSpec
from lathe.task import COST_METRICS, LOWER_IS_BETTER, METRICS

MODEL, DATA = ids.new("mdl"), ids.new("dat")
SPLIT = {"dataset": DATA, "split": "s"}
DYNAMIC = {"technique": "quantize.dynamic"}
GRAPH = {"technique": "optimize.graph"}
ENCODE = {"technique": "encode.entropy"}
MASK = {"technique": "prune.weights", "sparsity": 0.9}
HEADS = {"technique": "prune.heads", "keep_heads": 0.5}
BLOCKS = {"technique": "prune.blocks", "remove": 1}
PRUNE = {"technique": "prune.channels", "keep_macs": 0.5}
STUDENT, OTHER = ids.new("mdl"), ids.new("mdl")
TEACH = {"technique": "train.distill", "student": STUDENT}


PACKED_LIMIT = {"metric": "size_bytes", "of": "packed", "max": 30_000}


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


def test_a_pipeline_that_ends_in_coding_hands_the_packed_file_over_and_counts_its_bytes() -> (
    None
):
    whole = spec(pipeline=[DYNAMIC, ENCODE | {"profile": "fast"}], constraints=[PACKED_LIMIT])
    assert [output.kind for output in whole.outputs] == ["onnx", "packed"]
    assert (whole.objective.metric, whole.objective.of) == ("size_bytes", "packed")
    assert whole.packing is not None
    assert whole.packing.profile == "fast"
    assert JobSpec.model_validate_json(whole.model_dump_json()) == whole


def test_the_measured_onnx_file_comes_first_and_is_there_without_being_asked_for() -> None:
    bare = spec(pipeline=[ENCODE], outputs=[{"kind": "packed"}])
    assert [output.opset for output in bare.onnx_outputs] == [None]
    outputs = [{"kind": "packed"}, {"opset": 17, "kind": "onnx"}, {"opset": 17, "kind": "onnx"}]
    assert [o.opset for o in spec(pipeline=[ENCODE], outputs=outputs).onnx_outputs] == [17]


def test_the_onnx_file_is_there_where_only_an_event_file_is_asked_for() -> None:
    bare = spec(pipeline=[DYNAMIC], outputs=[{"kind": "tensorboard"}])
    assert [output.opset for output in bare.onnx_outputs] == [None]
    assert bare.wants_events
    assert not spec(pipeline=[DYNAMIC]).wants_events


def test_what_a_first_release_does_not_know_is_not_stored_unless_it_is_used() -> None:
    limits = [{"metric": "size_bytes", "max": 9}]
    stored = spec(constraints=limits).model_dump(mode="json")
    assert "of" not in {*stored["constraints"][0], *stored["objective"]}
    stored = spec(pipeline=[ENCODE], constraints=[PACKED_LIMIT]).model_dump(mode="json")
    assert stored["constraints"][0]["of"] == stored["objective"]["of"] == "packed"


def test_a_spec_comes_back_from_json_as_it_was() -> None:
    whole = spec(labels={"team": "cam"}, pipeline=[GRAPH, PRUNE, DYNAMIC], seed=17)
    assert JobSpec.model_validate_json(whole.model_dump_json()) == whole


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        ([DYNAMIC, GRAPH], "pipeline.1: optimize.graph cannot follow quantize.dynamic, which"),
        ([ENCODE, DYNAMIC], "pipeline.1: quantize.dynamic cannot follow encode.entropy, which"),
        ([ENCODE, ENCODE], "pipeline: one encode step at most"),
        ([DYNAMIC, DYNAMIC], "one quantize step at most"),
        ([GRAPH | {"id": "a"}, PRUNE | {"id": "a"}], "'a' is used twice"),
        ([GRAPH | {"id": "2-quantize_dynamic"}, DYNAMIC], "used twice"),
        ([{"technique": "quantize.static"}], "needs data.calibration"),
        (
            [{"technique": "quantize.weights", "rounding": {"method": "gptq"}}],
            "quantize.weights needs data.calibration or data.train to look at",
        ),
        ([{"technique": "train.recover"}], "needs data.train"),
        ([PRUNE | {"criterion": "taylor"}], "needs data.train"),
        ([MASK | {"epochs": 1}], "prune.weights needs data.train"),
        ([PRUNE | {"criterion": "hessian"}], "needs data.train"),
        ([PRUNE | {"criterion": "activation"}], "needs data.calibration or data.train"),
        ([PRUNE | {"reestimate_norms": True}], "needs data.calibration or data.train"),
        ([MASK | {"epochs": 1, "reestimate_norms": True}], "leave reestimate_norms out"),
        ([MASK | {"criterion": "taylor"}], "prune.weights needs data.train"),
        ([MASK | {"criterion": "wanda"}], "needs data.calibration or data.train"),
        ([{"technique": "prune.weights"}], "criterion magnitude takes sparsity or a pattern"),
        (
            [MASK | {"threshold": 1}],
            "takes sparsity or a pattern, one of them",
        ),
        ([MASK | {"criterion": "threshold"}], "takes threshold and no other goal"),
        ([MASK | {"pattern": {"keep": 2, "of": 4}}], "one of them"),
        ([MASK | {"pattern": {"keep": 4, "of": 4}}], "keep must be below of"),
        (
            [MASK | {"scope": "global", "criterion": "wanda"}],
            "only magnitude and taylor",
        ),
        ([MASK | {"epochs": 1, "criterion": "sparsegpt"}], "prunes at once; leave epochs out"),
        ([{"technique": "prune.sensing"}], "exactly one of error and sparsity"),
        (
            [{"technique": "prune.sensing", "error": 0.1}],
            "needs data.calibration or data.train",
        ),
        ([{"technique": "prune.neurons"}], "exactly one of keep_neurons and max_apoz"),
        ([{"technique": "prune.heads"}], "keep_heads"),
        ([HEADS | {"criterion": "gradient"}], "prune.heads needs data.train"),
        ([HEADS | {"criterion": "output"}], "needs data.calibration or data.train"),
        ([{"technique": "prune.units", "keep_units": 1}], "less than 1"),
        ([{"technique": "prune.blocks"}], "exactly one of remove, keep_macs and keep_par"),
        ([BLOCKS | {"keep_macs": 0.5}], "exactly one of remove, keep_macs and keep_par"),
        ([BLOCKS], "needs data.calibration or data.train"),
        ([MASK | {"sparsity": 1}], "less than 1"),
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
        ({"outputs": [{"kind": "packed"}]}, "outputs: a packed file is made by the step"),
        ({"objective": {"minimize": "size_bytes", "of": "packed"}}, "objective: a packed file"),
        ({"constraints": [PACKED_LIMIT]}, "constraints: a packed file is made by the step"),
        (
            {"constraints": [PACKED_LIMIT | {"metric": "macs"}]},
            "of: macs is measured on the",
        ),
        (
            {"pipeline": [ENCODE], "outputs": [{"kind": "onnx"}]},
            "outputs: encode.entropy",
        ),
    ],
)
def test_what_makes_no_sense_together_is_refused(body: dict[str, Any], told: str) -> None:
    assert told in refusal(**body)


@pytest.mark.parametrize(
    ("pipeline", "more", "told"),
    [
        ([TEACH], {}, None),
        ([TEACH, PRUNE], {"baseline": ids.new("mdl")}, None),
        ([TEACH | {"teachers": [{"model": OTHER}]}], {"baseline": STUDENT}, None),
        ([GRAPH, TEACH], {}, "pipeline.1.student: a student takes the model's place"),
        ([PRUNE | {"recover": TEACH}], {}, "pipeline.0.recover.student: a student takes"),
        ([TEACH], {"model": STUDENT}, "pipeline.0.student: this is the job's model"),
        ([TEACH], {"baseline": STUDENT}, "this is the baseline, which is its own teacher"),
        ([TEACH | {"teachers": [{"model": STUDENT}]}], {}, "cannot teach itself"),
    ],
)
def test_a_student_is_another_network_in_the_first_step(
    pipeline: list[Any], more: dict[str, Any], told: str | None
) -> None:
    body = {"data": {"train": SPLIT}, "pipeline": pipeline, **more}
    if told is None:
        assert spec(**body).student == STUDENT
    else:
        assert told in refusal(**body)


TILT = {"kind": "regression", "name": "tilt", "output": "z"}


def joint(*also: dict[str, Any], **more: Any) -> dict[str, Any]:
    task = {"kind": "classification", "output": "y", "metrics": ["accuracy"], "also": also}
    return {"data": {"evaluation": SPLIT}, "task": task | more}


def test_limits_and_objective_name_a_metric_of_any_task() -> None:
    limits = [{"metric": "tilt.mse", "max_drop": 0.1}, {"metric": "accuracy", "min": 0.5}]
    made = spec(**joint(TILT), constraints=limits, objective={"minimize": "tilt.mae"})
    assert made.task is not None
    assert made.task.all_measured == ("accuracy", "tilt.mse", "tilt.mae", "tilt.r2")
    assert made.task.first_of_each == ("accuracy", "tilt.mse")
    unknown = refusal(**joint(TILT), constraints=[{"metric": "mse", "max": 1}])
    assert "'mse' is not measured by this job" in unknown


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (joint(TILT, TILT | {"output": "w"}), "the name 'tilt' is used twice"),
        (joint(TILT, TILT | {"name": "other"}), "the output 'z' is used twice"),
        (joint(TILT | {"output": "y"}), "the output 'y' is used twice"),
        (joint(TILT, kind="similarity", metrics=[]), "of the kind similarity stands alone"),
        (joint(TILT | {"kind": "none"}), "'classification', 'regression' or 'reconstruction'"),
        (joint(TILT | {"metrics": ["accuracy"]}), "regression has no metric 'accuracy'"),
        (joint(TILT | {"name": "a.b"}), "pattern"),
        (joint(TILT | {"weight": 0}), "greater than 0"),
    ],
)
def test_further_tasks_are_told_apart_and_have_a_loss(task: dict[str, Any], told: str) -> None:
    assert told in refusal(**task)


def test_a_drop_of_one_score_is_no_target_for_training_with_several() -> None:
    several = joint(TILT)
    several["data"] |= {"train": SPLIT}
    step = {"technique": "share.rate_distortion", "target": {"max_drop": 0.01}}
    assert "pipeline.0.target.max_drop" in refusal(**several, pipeline=[step])
    spec(**several, pipeline=[step | {"target": {"max_bytes": 9000}}])
    spec(**joint(), pipeline=[step])


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
