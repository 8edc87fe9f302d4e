"""Baseline, teachers and a student whose doors are not the model's."""

from typing import Any

import pytest

from tests.unit.app.fit.facts import IMAGE, OTHER, SCORES, found, model, spec


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"inputs": [IMAGE | {"shape": ["batch", 3, "h", None]}]}, None),
        ({"inputs": [IMAGE | {"shape": ["n", 1, 8, 6]}]}, "?x"),
        ({"inputs": [IMAGE | {"name": "x"}]}, "its inputs are 'x'"),
        ({"outputs": [SCORES | {"dtype": "float16"}]}, "'scores' is float16"),
        ({"outputs": [SCORES, SCORES | {"name": "more"}]}, "its outputs are 'scores', 'more'"),
    ],
)
def test_baseline_and_teachers_have_the_models_doors(
    changes: dict[str, Any], told: str | None
) -> None:
    teach = {
        "technique": "train.distill",
        "teachers": [{"model": "baseline"}, {"model": OTHER}],
        "loss": {"hard": 0},
    }
    refused = found(spec(teach, purposes="train", baseline=OTHER), other=model(**changes))
    params = [refusal[1] for refusal in refused]
    assert params == (["baseline", "pipeline.0.teachers.1.model"] if told else [])
    if told and told != "?x":
        assert told in refused[0][2]


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ({}, {}, None),
        ({}, {"inputs": [IMAGE | {"shape": ["batch", 3, "h", None]}]}, None),
        ({}, {"outputs": [SCORES | {"shape": ["n", 8]}]}, "its output 'scores' is nx8"),
        (
            {"inputs": [IMAGE | {"shape": ["n", 3, 8, "w"]}]},
            {},
            "its input 'image' is nx3x8x6 and the model's nx3x8xw, so it takes less",
        ),
        ({}, {"torch_view": False, "blocking_operators": ["Det"]}, "have none: 'Det'"),
    ],
)
def test_a_student_has_the_models_doors_and_a_trainable_form(
    ours: dict[str, Any], theirs: dict[str, Any], told: str | None
) -> None:
    teach = {"technique": "train.distill", "student": OTHER, "loss": {"hard": 0}}
    refused = found(spec(teach, purposes="train"), net=model(**ours), other=model(**theirs))
    if told is None:
        assert refused == []
    else:
        ((_, param, detail),) = refused
        assert told in detail
        blocked = "torch_view" in theirs
        assert param == f"pipeline.0.{'technique' if blocked else 'student'}"
