from typing import Any

import pytest

from lathe import ids, spec_version
from lathe.job import JobSpec
from lathe.techniques import TECHNIQUES


def version_of(**body: Any) -> int:
    job = JobSpec.model_validate({"model": ids.new("mdl"), **body})
    return spec_version.version_of(job)


def test_a_job_that_uses_nothing_new_waits_for_no_new_worker() -> None:
    limits = [{"metric": "size_bytes", "max": 9}]
    steps = [{"technique": "quantize.dynamic"}]
    assert version_of(pipeline=steps, constraints=limits) == 1


def test_a_packed_file_needs_the_second_version() -> None:
    assert version_of(pipeline=[{"technique": "encode.entropy"}]) == 2


def test_a_key_or_value_that_an_older_worker_does_not_know_needs_a_newer_one() -> None:
    data = {"train": {"dataset": ids.new("dat"), "split": "s"}}
    for more, version in (
        ({"optimizer": {"kind": "adam", "lr": 0.5}}, 1),
        ({"optimizer": {"kind": "adam", "betas": [0.9, 0.99]}}, 2),
        ({"augment": {"flip": True}}, 2),
        ({"schedule": "constant"}, 1),
        ({"schedule": "linear"}, 3),
        ({"warmup": 0.1}, 3),
        ({"batch_norms": "none"}, 1),
        ({"batch_norms": "restore"}, 3),
        ({"optimizer": {"kind": "adagrad"}}, 3),
        ({"optimizer": {"kind": "adam", "betas": [0.9, 0.99]}, "warmup": 0.1}, 3),
    ):
        step = {"technique": "train.recover", **more}
        assert version_of(data=data, pipeline=[step]) == version
        inside = {"technique": "prune.channels", "keep_macs": 0.5, "recover": step}
        assert version_of(data=data, pipeline=[inside]) == max(version, 2)


def test_a_student_needs_a_worker_that_puts_it_in_the_models_place() -> None:
    data = {"train": {"dataset": ids.new("dat"), "split": "s"}}
    steps = [{"technique": "train.distill", "loss": {"hard": 0}}]
    assert version_of(data=data, pipeline=steps) == 1
    assert version_of(data=data, pipeline=[steps[0] | {"student": ids.new("mdl")}]) == 3


def test_several_tasks_need_a_worker_that_knows_them() -> None:
    evaluation = {"evaluation": {"dataset": ids.new("dat"), "split": "s"}}
    task: dict[str, Any] = {"kind": "classification"}
    also = {"also": [{"kind": "regression", "name": "tilt", "output": "z"}]}
    steps = [{"technique": "quantize.dynamic"}]
    assert version_of(data=evaluation, pipeline=steps, task=task) == 1
    assert version_of(data=evaluation, pipeline=steps, task=task | also) == 3


def test_an_event_file_needs_the_newest_version() -> None:
    steps = [{"technique": "quantize.dynamic"}]
    assert version_of(pipeline=steps, outputs=[{"kind": "onnx"}]) == 1
    assert version_of(pipeline=steps, outputs=[{"kind": "tensorboard"}]) == 3


def test_what_came_later_to_a_technique_needs_a_later_version_only_where_it_is_used() -> None:
    data = {"train": {"dataset": ids.new("dat"), "split": "s"}}
    for more, version in (
        ({"sparsity": 0.5}, 2),
        ({"pattern": {"keep": 2, "of": 4}}, 3),
        ({"sparsity": 0.5, "criterion": "wanda"}, 3),
        ({"sparsity": 0.5, "samples": 9}, 3),
        ({"sparsity": 0.5, "reestimate_norms": True}, 3),
    ):
        step = {"technique": "prune.weights", **more}
        assert version_of(data=data, pipeline=[step]) == version
    for more, version in (
        ({"criterion": "taylor", "samples": 9}, 1),
        ({"criterion": "fpgm"}, 3),
    ):
        step = {"technique": "prune.channels", "keep_macs": 0.5, **more}
        assert version_of(data=data, pipeline=[step]) == version


def test_a_number_type_that_an_older_worker_does_not_know_needs_a_newer_one() -> None:
    for dtype, version in (("float16", 1), ("bfloat16", 3)):
        step = {"technique": "quantize.float", "dtype": dtype}
        assert version_of(pipeline=[step]) == version


def test_ways_to_calibrate_and_to_exclude_that_came_later_need_a_newer_worker() -> None:
    data = {"calibration": {"dataset": ids.new("dat"), "split": "s"}}
    given = {"method": "given", "ranges": [{"of": "x", "low": 0, "high": 1}]}
    for more, version in (
        ({"calibration": {"method": "percentile"}, "exclude": ["a"]}, 1),
        ({"calibration": {"method": "mse"}}, 3),
        ({"calibration": given}, 3),
        ({"exclude": ["a", "b.*"]}, 3),
        ({"equalize": True}, 3),
        ({"correct_bias": True}, 3),
        ({"smooth": 0.0}, 3),
        ({"back_off": 0.0}, 3),
    ):
        step = {"technique": "quantize.static", **more}
        assert version_of(data=data, pipeline=[step]) == version


def test_every_version_lies_in_the_range_that_workers_of_this_release_read() -> None:
    assert spec_version.OLDEST == spec_version.INSPECTION == 1
    assert spec_version.NEWEST == 3


@pytest.mark.parametrize("step", TECHNIQUES)
def test_techniques_that_came_later_need_a_later_version(step: type) -> None:
    name = step.model_fields["technique"].default  # type: ignore[attr-defined]
    first = {"optimize.graph", "prune.channels", "train.recover", "train.distill"}
    first |= {"quantize.static", "quantize.dynamic", "quantize.float"}
    second = {"prune.weights", "share.weights", "encode.entropy"}
    second |= {"train.rate_distortion", "share.rate_distortion"}
    job = JobSpec.model_construct(pipeline=(step.model_construct(),))  # type: ignore[attr-defined]
    expected = 1 if name in first else 2 if name in second else 3
    assert spec_version.version_of(job) == expected


def test_a_job_that_tells_a_webhook_needs_a_worker_that_knows_the_key() -> None:
    steps = [{"technique": "quantize.dynamic"}]
    assert version_of(pipeline=steps, webhook=ids.new("whk")) == 3
