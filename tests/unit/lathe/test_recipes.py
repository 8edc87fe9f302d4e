"""Pipelines by name: the steps and limits they stand for, and what is refused."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from lathe import ids
from lathe.job import JobSpec
from lathe.limits import Constraint
from lathe.recipes import NAMES, AnyRecipe
from lathe.techniques.encode import EncodeEntropy
from lathe.techniques.prune import PruneChannels
from lathe.techniques.quantize import QuantizeChoose
from lathe.techniques.rate import RateDistortion, RateTarget, ShareRateDistortion
from lathe.techniques.train import Distill, Recover, Taught, Teacher

MODEL, DATA = ids.new("mdl"), ids.new("dat")
SPLIT = {"dataset": DATA, "split": "s"}
JUDGED = {"data": {"evaluation": SPLIT}, "task": {"kind": "classification"}}
DEEP = {"recipe": "deep-compression"}


def spec(pipeline: object, **body: Any) -> JobSpec:
    return JobSpec.model_validate({"model": MODEL, "pipeline": pipeline, **body})


def refusal(pipeline: object, **body: Any) -> list[tuple[str, str]]:
    """Place and message of everything that is wrong."""
    with pytest.raises(ValidationError) as caught:
        spec(pipeline, **body)
    return [(".".join(map(str, e["loc"])), e["msg"]) for e in caught.value.errors()]


def names(job: JobSpec) -> list[str]:
    return [step.technique for step in job.pipeline]


def test_every_recipe_has_a_name_that_is_offered() -> None:
    made = [recipe.model_fields["recipe"].default for recipe in get_args(AnyRecipe)]
    assert tuple(made) == NAMES


def test_a_name_and_a_recipe_without_options_are_the_same_job() -> None:
    for name in ("int8", "deep-compression"):
        assert spec(name) == spec({"recipe": name})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("limit", "place"),
    [
        ({"metric": "size_bytes"}, "constraints.0"),
        ({"metric": "size_bytes", "max": True}, "constraints.0.max"),
        ("size_bytes", "constraints.0"),
    ],
)
def test_a_limit_that_is_wrong_is_refused_beside_a_recipe_too(
    name: str, limit: object, place: str
) -> None:
    data = {"train": SPLIT, "calibration": SPLIT, "evaluation": SPLIT}
    told = refusal(name, **JUDGED | {"data": data}, constraints=[limit])
    assert {where for where, _ in told} - {"objective", "outputs"} == {place}


def test_int8_chooses_by_measuring_and_loses_what_the_job_allows() -> None:
    limit = {"metric": "accuracy", "max_drop": 0.02}
    other = {"metric": "size_bytes", "max": 9}
    for pipeline, limits, max_drop in (
        ("int8", [], 0.005),
        ("int8", [other, limit], 0.02),
        ({"recipe": "int8", "max_drop": 0.01}, [limit], 0.01),
    ):
        (step,) = spec(pipeline, **JUDGED, constraints=limits).pipeline
        assert isinstance(step, QuantizeChoose)
        assert step.max_drop == max_drop
        assert step.objective == "latency"
    small = {"recipe": "int8", "objective": "size", "batch_size": 8, "exclude": ["fc"]}
    (step,) = spec(small).pipeline
    assert isinstance(step, QuantizeChoose)
    assert (step.objective, step.batch_size, step.exclude) == ("size", 8, ("fc",))


def test_slim_50_halves_the_work_and_follows_the_labels_where_a_task_has_some() -> None:
    judged = spec("slim-50", **JUDGED | {"data": {"train": SPLIT, "evaluation": SPLIT}})
    for job, hard in ((judged, 0.1), (spec("slim-50", data={"train": SPLIT}), 0.0)):
        prune, distill = job.pipeline
        assert isinstance(prune, PruneChannels)
        assert prune.keep_macs == 0.5
        assert isinstance(distill, Distill)
        assert (distill.loss.hard, distill.batch_norms) == (hard, "restore")
    assert "give data.train" in refusal("slim-50")[0][1]


def test_without_teachers_every_training_follows_the_labels_alone() -> None:
    judged = JUDGED | {"data": {"train": SPLIT, "evaluation": SPLIT}}
    prune, *trained, _ = spec(
        DEEP | {"teachers": [], "keep_parameters": 0.5}, **judged
    ).pipeline
    assert isinstance(prune, PruneChannels)
    assert prune.recover == Recover(hold_out=0.1, batch_size=256, epochs=1)
    for step in trained:
        assert isinstance(step, Taught)
        assert (step.teachers, step.loss.hard) == ((), 1.0)
    taught = spec(DEEP | {"keep_parameters": 0.5}, **judged).pipeline[0]
    assert isinstance(taught, PruneChannels)
    assert isinstance(taught.recover, Distill)
    assert taught.recover.teachers == (Teacher(),)
    assert (taught.recover.batch_size, taught.recover.epochs) == (256, 1)


def test_the_steps_are_what_is_stored_and_read_again() -> None:
    job = spec(DEEP | {"profile": "fast"}, **JUDGED)
    stored = job.model_dump(mode="json")
    assert stored["pipeline"][-1] == {
        "id": None,
        "technique": "encode.entropy",
        "profile": "fast",
    }
    assert JobSpec.model_validate(stored) == job


def test_half_a_point_of_the_first_metric_is_the_target_where_none_is_set() -> None:
    task = {"kind": "classification", "metrics": ["f1_macro", "accuracy"]}
    assert spec(DEEP, **JUDGED | {"task": task}).constraints == (
        Constraint(metric="f1_macro", max_drop=0.005),
    )
    assert spec(DEEP).constraints == ()  # nothing is judged


def test_a_target_becomes_a_limit_beside_those_of_the_job() -> None:
    limits = [{"metric": "latency_ms", "max": 4.0}]
    small = spec(DEEP | {"target": {"max_bytes": 30_000}}, constraints=limits)
    assert small.constraints == (
        Constraint(metric="latency_ms", max=4.0),
        Constraint(metric="size_bytes", of="packed", max=30_000),
    )
    good = spec(DEEP | {"target": {"max_drop": 0.02}}, **JUDGED)
    assert good.constraints == (Constraint(metric="accuracy", max_drop=0.02),)


def test_a_limit_of_the_job_is_the_target_and_is_not_said_twice() -> None:
    for limit in (
        {"metric": "accuracy", "max_drop": 0.03},
        {"metric": "size_bytes", "of": "packed", "max": 5000},
    ):
        job = spec(DEEP, **JUDGED, constraints=[limit])
        assert job.constraints == (Constraint.model_validate(limit),)


@pytest.mark.parametrize(
    ("pipeline", "body", "place", "told"),
    [
        (
            "deep",
            {},
            "",
            "pipeline: there is no recipe 'deep'; there are deep-",
        ),
        ("x" * 999, {}, "", f"there is no recipe '{'x' * 60}'; "),
        ({"recipe": "deep"}, {}, "pipeline", "does not match any of the expected tags"),
        ({}, {}, "pipeline", "Unable to extract tag"),
        (DEEP | {"more": 1}, {}, "pipeline.deep-compression.more", "Extra inputs"),
        (
            DEEP | {"teachers": [{}, {}]},
            {},
            "pipeline.deep-compression",
            "teachers: name each once",
        ),
        (
            DEEP | {"teachers": []},
            {"data": {"train": SPLIT}},
            "",
            "pipeline.teachers: without labels only a teacher",
        ),
        (DEEP | {"target": {}}, {}, "pipeline.deep-compression.target", "give exactly one of"),
        (
            DEEP | {"target": {"max_drop": -0.1}},
            {},
            "pipeline.deep-compression.target.max_drop",
            "greater than or equal to 0",
        ),
        (
            DEEP | {"target": {"max_drop": 0.1}},
            {},
            "",
            "pipeline.target.max_drop: a drop is",
        ),
        (
            DEEP,
            JUDGED | {"task": {"kind": "regression"}},
            "",
            "pipeline.target: mse has a scale that only you know",
        ),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_where_it_stands(
    pipeline: object, body: dict[str, Any], place: str, told: str
) -> None:
    ((found, message),) = refusal(pipeline, **body)
    assert found == place
    assert told in message


def test_what_else_is_wrong_with_the_job_is_still_said() -> None:
    said = refusal("deep-compression", data={"train": 3}, task={"kind": "x"}, seed=-1)
    assert {place for place, _ in said} >= {"data.train", "task.kind", "seed"}


def test_the_schema_offers_steps_names_and_recipes() -> None:
    steps, name, recipe = JobSpec.model_json_schema()["properties"]["pipeline"]["anyOf"]
    assert (steps["type"], steps["minItems"], steps["maxItems"]) == ("array", 1, 16)
    assert name["enum"] == list(NAMES)
    assert set(recipe["discriminator"]["mapping"]) == set(NAMES)


def test_deep_compression_trains_where_it_can_and_shares_without_data() -> None:
    trained = spec(
        DEEP | {"epochs": 9, "augment": {"flip": True}, "protect": ["w"], "profile": "fast"},
        **JUDGED | {"data": {"train": SPLIT, "evaluation": SPLIT}},
    )
    grow, share, pack = trained.pipeline
    assert isinstance(grow, RateDistortion)
    assert isinstance(share, ShareRateDistortion)
    assert isinstance(pack, EncodeEntropy)
    assert (grow.epochs, grow.settle_epochs, share.epochs) == (9, 4, 4)
    assert share.target == RateTarget(max_drop=0.005, profile="fast")
    assert share.assignment == "rounds"
    for step in (grow, share):
        assert step.teachers == (Teacher(model="baseline"),)
        assert (step.loss.hard, step.loss.logits.weight) == (0.1, 0.9)
        assert step.augment is not None
        assert step.protect == ("w",)
    light = spec(DEEP | {"target": {"max_bytes": 5000}}, data={"calibration": SPLIT})
    assert names(light) == names(spec(DEEP)) == ["share.rate_distortion", "encode.entropy"]
    share = light.pipeline[0]
    assert isinstance(share, ShareRateDistortion)
    assert share.target == RateTarget(max_bytes=5000)
    assert (share.assignment, share.epochs) == ("feedback", 0)
    assert share.rounds > ShareRateDistortion().rounds


def test_pairs_calibrate_and_are_not_trained_on() -> None:
    job = spec(DEEP, data={"train": SPLIT, "evaluation": SPLIT}, task={"kind": "similarity"})
    assert names(job) == ["share.rate_distortion", "encode.entropy"]
    assert job.constraints == (Constraint(metric="spearman", max_drop=0.005),)


def test_channels_may_go_first_where_there_are_data_to_train_the_rest() -> None:
    data = {"train": SPLIT, "evaluation": SPLIT}
    for recipe, criterion in ((DEEP, "taylor"), (DEEP | {"labels": False}, "l2")):
        job = spec(recipe | {"keep_parameters": 0.04}, **JUDGED | {"data": data})
        slim = job.pipeline[0]
        assert isinstance(slim, PruneChannels)
        assert (slim.keep_parameters, slim.criterion) == (0.04, criterion)
        assert isinstance(slim.recover, Distill)
        assert names(job)[1:] == names(spec(DEEP, **JUDGED | {"data": data}))
    ((_, told),) = refusal(DEEP | {"keep_parameters": 0.04})
    assert "pipeline.keep_parameters: what is left has to be trained" in told


def test_labels_are_followed_only_where_a_task_has_some_and_they_are_wanted() -> None:
    split = {"train": SPLIT, "evaluation": SPLIT}
    for recipe, body, hard in (
        (DEEP, JUDGED, 0.1),
        (DEEP | {"labels": False}, JUDGED, 0.0),
        (DEEP, {"task": {"kind": "none"}}, 0.0),
        (DEEP, {}, 0.0),
    ):
        step = spec(recipe, **body | {"data": split}).pipeline[0]
        assert isinstance(step, RateDistortion)
        assert step.loss.hard == hard
        assert step.loss.logits.weight == pytest.approx(1 - hard)
