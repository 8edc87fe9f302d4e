"""Pydantic's errors as dotted fields and plain sentences."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.http.wording import field_problems, shortened
from lathe import ids
from lathe.job import JobSpec

MODEL, DATA = ids.new("mdl"), ids.new("dat")
TRAIN = {"train": {"dataset": DATA, "split": "s"}}
PRUNE = {"technique": "prune.channels", "keep_macs": 0.5}
DISTILL = {"technique": "train.distill"}


def problems(**body: Any) -> dict[str, str]:
    whole = {"model": MODEL, "data": TRAIN, **body}
    with pytest.raises(ValidationError) as caught:
        JobSpec.model_validate(whole)
    listed = field_problems(caught.value.errors(), whole)
    return {problem.param: problem.detail for problem in listed}


@pytest.mark.parametrize(
    ("pipeline", "param", "told"),
    [
        ([PRUNE | {"round_to": 0}], "pipeline.0.round_to", "greater than or equal to 1"),
        ([PRUNE | {"protect": ["a", ""]}], "pipeline.0.protect.1", "at least 1 character"),
        ([PRUNE | {"keep": 1}], "pipeline.0.keep", "no such field"),
        ([PRUNE | {"keep_parameters": 0.5}], "pipeline.0", "exactly one of keep_macs"),
        ([{"technique": "prune.chanels"}], "pipeline.0.technique", "'prune.channels'"),
        ([{"keep_macs": 0.5}], "pipeline.0.technique", "needed"),
        (
            [DISTILL | {"optimizer": {"kind": "sgd", "lr": -1}}],
            "pipeline.0.optimizer.lr",
            "greater than 0",
        ),
        ([DISTILL | {"optimizer": {"kind": "lion"}}], "pipeline.0.optimizer.kind", "'adamw'"),
        ([DISTILL | {"teachers": [{"model": "x"}]}], "pipeline.0.teachers.0.model", "; or: "),
        (
            [{"technique": "quantize.dynamic"}, {"technique": "optimize.graph"}],
            "pipeline.1",
            "move it up",
        ),
        ([{"technique": "quantize.static"}], "pipeline.0", "needs data.calibration"),
        ([], "pipeline", "at least 1 item"),
    ],
)
def test_the_field_is_named_as_people_write_it(
    pipeline: list[Any], param: str, told: str
) -> None:
    listed = problems(pipeline=pipeline)
    assert list(listed) == [param]
    assert told in listed[param]


def test_a_sentence_about_a_field_names_that_field() -> None:
    listed = problems(pipeline=[PRUNE], constraints=[{"metric": "accuracy", "max_drop": 1}])
    assert "not measured by this job" in listed["constraints.0.metric"]


def test_an_id_of_another_kind_is_told_by_its_prefix() -> None:
    listed = problems(model=DATA, pipeline=[PRUNE | {"id": "No"}])
    assert listed["model"] == "this is not an id that begins with 'mdl_'; copy the whole id"
    assert "does not match ^[a-z0-9]" in listed["pipeline.0.id"]


def test_several_problems_are_all_listed() -> None:
    listed = problems(pipeline=[PRUNE], seed=-1, labels={"team": "x" * 201}, extra=1)
    assert set(listed) == {"seed", "labels.team", "extra"}


def test_a_missing_field_keeps_its_name() -> None:
    with pytest.raises(ValidationError) as caught:
        JobSpec.model_validate({})
    params = [p.param for p in field_problems(caught.value.errors(), {})]
    assert params == ["model", "pipeline"]


def test_long_texts_are_cut_and_long_lists_too() -> None:
    assert shortened("x" * 500) == "x" * 500
    assert shortened("x" * 501) == "x" * 497 + "..."
    listed = problems(pipeline=[PRUNE], **{f"extra{n}" * 60: 1 for n in range(70)})
    assert len(listed) == 50
    assert max(map(len, listed)) == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "a\0b"}, "name"),
        ({"labels": {"team": "\0"}}, "labels"),
        ({"pipeline": [PRUNE | {"protect": ["fc", "c\0"]}]}, "pipeline.0.protect"),
    ],
)
def test_a_nul_character_is_refused_wherever_people_write(body: Any, param: str) -> None:
    listed = problems(**({"pipeline": [PRUNE]} | body))
    assert list(listed) == [param]
    assert "NUL" in listed[param]


def test_a_body_that_is_no_object_is_told_so() -> None:
    with pytest.raises(ValidationError) as caught:
        JobSpec.model_validate([])
    (problem,) = field_problems(caught.value.errors(), [])
    assert "JSON object" in problem.detail
