"""Every pipeline that is compared is a job that the service would take."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.deep_compression.lenets import PARAMETERS, cases
from benchmarks.deep_compression.stage import Given
from lathe.job import JobSpec
from lathe.techniques.train import Taught, Training

MODEL, DATA = "mdl_01k3b8e0q0f3zv3x5m8b2k7y9d", "dat_01k3b8e0q0f3zv3x5m8b2k7y9d"
TEACHERS = ("mdl_01k3b8e0q0f3zv3x5m8b2k7y9e", "mdl_01k3b8e0q0f3zv3x5m8b2k7y9f")


def start(name: str) -> Given:
    data = {
        "train": {"dataset": DATA, "split": "train"},
        "evaluation": {"dataset": DATA, "split": "test"},
    }
    job = {"data": data, "task": {"kind": "classification"}}
    return Given(name, 0, Path(), 4, MODEL, job, Path(), TEACHERS)


def job(name: str, case: str) -> JobSpec:
    given = start(name)
    pipeline = cases(name, ablation=True)[case](given, quick=False)
    return JobSpec.model_validate({"model": MODEL, "pipeline": pipeline, **given.job})


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_case_is_a_job_that_ends_packed(name: str) -> None:
    for case in cases(name, ablation=True):
        assert job(name, case).packing is not None


def taught(step: Any) -> list[Training]:
    inner = getattr(step, "recover", None)
    return [s for s in (step, inner) if isinstance(s, Training)]


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_ingredient_that_is_left_out_is_nowhere(name: str) -> None:
    trainings = [s for step in job(name, "no-augmentation").pipeline for s in taught(step)]
    assert trainings
    assert all(step.augment is None for step in trainings)
    alone = [s for step in job(name, "deep-compression").pipeline for s in taught(step)]
    assert all(not getattr(step, "teachers", ()) for step in alone)
    assert all(step.augment for step in alone)


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_original_and_both_larger_nets_teach_every_training(name: str) -> None:
    trainings = [s for step in job(name, "with-teachers").pipeline for s in taught(step)]
    assert trainings
    for step in trainings:
        assert isinstance(step, Taught)
        assert [teacher.model for teacher in step.teachers] == ["baseline", *TEACHERS]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_training_is_judged_by_what_no_baseline_has_seen(name: str) -> None:
    for case in cases(name, ablation=True):
        for step in job(name, case).pipeline:
            assert all(round(s.hold_out * 60_000) == 5_000 for s in taught(step))
