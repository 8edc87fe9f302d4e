"""Packed files over HTTP: a recipe by name, its files, and what is refused.

The files' sizes are measured in `make bench-deep-compression`; this net is too small for them.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lathe import packed
from lathe.errors import InvalidSpec, StepImpossible
from lathe.states import JobState
from tests.services.stand import Stand, stand_in


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand_in(tmp_path_factory.mktemp("packed")) as made:
        yield made


def test_a_recipe_by_name_ends_with_a_packed_file_that_is_the_onnx_file(
    stand: Stand, tmp_path: Path
) -> None:
    recipe = {"recipe": "deep-compression", "target": {"max_drop": 0.5}, "epochs": 2}
    queued = stand.lathe.submit(stand.spec(recipe, "train"))
    assert queued.spec is not None
    assert queued.spec.pipeline[0].technique == "train.rate_distortion"
    assert queued.spec.pipeline[-1].technique == "encode.entropy"
    job = stand.lathe.wait(queued.id, timeout_s=240)
    assert job.state is JobState.SUCCEEDED, job.failure
    files = {file.kind: file for file in stand.lathe.artifacts(job.id)}
    assert set(files) == {"onnx", "packed", "report.json", "report.html", "bom", "manifest"}
    assert files["packed"].name.endswith(".packed")
    assert files["packed"].media_type == "application/vnd.lathe.packed"
    small = stand.lathe.download(files["packed"], tmp_path)
    packed.unpack(small, tmp_path / "net.onnx")
    unpacked = (tmp_path / "net.onnx").read_bytes()
    assert hashlib.sha256(unpacked).hexdigest() == files["onnx"].sha256
    report = stand.lathe.report(job.id)
    best = report.candidates[-1]
    assert best.packed is not None
    assert best.packed.size_bytes == files["packed"].size_bytes == small.stat().st_size
    assert {(m.of, m.value) for m in best.measurements if m.metric == "size_bytes"} == {
        ("onnx", files["onnx"].size_bytes),
        ("packed", small.stat().st_size),
    }
    assert report.verdict.constraints_met
    assert "smaller packed" in report.verdict.sentence


def test_changed_images_teach_another_net_than_the_images_alone(stand: Stand) -> None:
    prune = {"technique": "prune.weights", "sparsity": 0.9}  # so that there is much to learn
    learn = {"technique": "train.distill", "epochs": 1}
    changes = {"shift_pixels": 1, "copies": 2, "unchanged": 0}
    made = []
    for more in ({}, {"augment": changes}):
        queued = stand.lathe.submit(stand.spec([prune, learn | more], "train"))
        job = stand.lathe.wait(queued.id, timeout_s=240)
        assert job.state is JobState.SUCCEEDED, job.failure
        made.append(next(f.sha256 for f in stand.lathe.artifacts(job.id) if f.kind == "onnx"))
    assert made[0] != made[1]


def test_an_augmentation_of_an_input_that_is_not_there_is_refused(stand: Stand) -> None:
    recipe = {"recipe": "deep-compression", "augment": {"flip": True, "inputs": ["X"]}}
    with pytest.raises(StepImpossible) as caught:
        stand.lathe.submit(stand.spec(recipe, "train"))
    assert caught.value.param == "pipeline.0.augment.inputs.0"
    assert "'x'" in caught.value.detail


def test_a_target_out_of_reach_gives_the_best_that_was_found_and_says_so(stand: Stand) -> None:
    recipe = {"recipe": "deep-compression", "target": {"max_bytes": 30}}
    job = stand.lathe.wait(stand.lathe.submit(stand.spec(recipe)).id, timeout_s=240)
    assert job.state is JobState.SUCCEEDED, job.failure
    assert job.verdict is not None
    assert job.verdict.constraints_met is False
    assert "packed size_bytes is" in job.verdict.sentence
    assert "at most 30 allowed" in job.verdict.sentence
    assert "packed" in {file.kind for file in stand.lathe.artifacts(job.id)}


@pytest.mark.parametrize(
    ("pipeline", "more", "param", "told"),
    [
        ("deep-compresion", {}, "pipeline", "there are deep-compression, int8, slim-50"),
        (
            {"recipe": "deep-compression", "target": {"max_drop": -1}},
            {},
            "pipeline.target.max_drop",
            "greater than or equal to 0",
        ),
        (
            [{"technique": "quantize.dynamic"}],
            {"outputs": [{"kind": "packed"}]},
            "outputs",
            "put it at the end of the pipeline",
        ),
    ],
)
def test_a_wrong_recipe_target_or_output_is_refused_where_it_stands(
    stand: Stand, pipeline: object, more: dict[str, Any], param: str, told: str
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        stand.lathe.submit(stand.spec(pipeline, **more))
    assert caught.value.param == param
    assert told in caught.value.detail
