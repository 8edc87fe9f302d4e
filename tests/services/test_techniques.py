"""Techniques over HTTP, several in a row: each says what it did, and the file still answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from lathe import packed
from lathe.states import JobState
from tests.services.sequence_net import sequence_net
from tests.services.stand import SHAPE, Stand, stand_in

STRUCTURE = "a block, two heads, four units and two dimensions less"
PIPELINES: dict[str, list[dict[str, Any]]] = {
    "low rank, regularized, 4 bits, packed": [
        {"technique": "decompose.svd", "rank": {"by": "energy", "energy": 0.5}},
        {"technique": "train.regularize", "penalty": "nuclear_norm", "epochs": 1},
        {"technique": "quantize.weights", "granularity": {"per": "block", "size": 16}},
        {"technique": "encode.entropy"},
    ],
    "sensed, fewer neurons, taught by features, int8 by measuring": [
        {"technique": "prune.sensing", "error": 0.05},
        {"technique": "prune.neurons", "keep_neurons": 0.8},
        {"technique": "train.distill", "epochs": 1, "features": [{"layer": "w2"}]},
        {"technique": "quantize.choose", "objective": "size", "max_drop": 0.5, "runs": 10},
    ],
    "a pattern by sparsegpt, powers of two, packed": [
        {
            "technique": "prune.weights",
            "criterion": "sparsegpt",
            "pattern": {"keep": 2, "of": 4},
        },
        {"technique": "quantize.log2"},
        {"technique": "encode.entropy"},
    ],
    "atoms and sparse codes, recovered with norms, packed": [
        {"technique": "share.dictionary"},
        {"technique": "train.recover", "epochs": 1, "batch_norms": "restore"},
        {"technique": "encode.entropy"},
    ],
    "looked at layer by layer, as many bits as each needs, packed": [
        {"technique": "analyze.sensitivity", "samples": 64},
        {
            "technique": "quantize.mixed",
            "bits": [2, 4, 8],
            "keep_bytes": 0.6,
            "granularity": {"per": "block", "size": 16},
        },
        {"technique": "encode.entropy"},
    ],
    "equalized, smoothed, corrected int8": [
        {
            "technique": "quantize.static",
            "calibration": {"method": "mse"},
            "equalize": True,
            "smooth": 0.5,
            "correct_bias": True,
            "exclude": ["*2"],
        },
    ],
    STRUCTURE: [
        {"technique": "prune.blocks", "remove": 1, "samples": 8, "protect": ["out", "widen"]},
        {"technique": "prune.heads", "keep_heads": 0.5, "criterion": "gradient"},
        {"technique": "prune.units", "keep_units": 0.5, "criterion": "output"},
        {"technique": "prune.embeddings", "keep_width": 0.6},
    ],
    "trained as 2-bit integers, packed": [
        {"technique": "quantize.aware", "bits": 2, "epochs": 1},
        {"technique": "encode.entropy"},
    ],
}
TOLD = {
    "decompose.svd": "macs_left",
    "train.regularize": "rank_before",
    "quantize.weights": "bits",
    "quantize.choose": "chosen",
    "quantize.aware": "activation_grids",
    "prune.weights": "sparsity",
    "prune.sensing": "sparsity",
    "prune.blocks": "output_change",
    "prune.heads": "heads_after",
    "prune.units": "units_after",
    "prune.embeddings": "dimensions_after",
    "train.distill": "features",
    "share.dictionary": "nonzero_left",
    "train.recover": "batch_norms_restored",
    "analyze.sensitivity": "most_sensitive",
    "quantize.mixed": "nets_judged",
    "quantize.static": "biases_corrected",
}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand_in(tmp_path_factory.mktemp("techniques")) as made:
        yield made


@pytest.mark.parametrize("name", PIPELINES)
def test_a_job_runs_its_steps_and_hands_over_a_file_that_runs(
    name: str, stand: Stand, tmp_path: Path
) -> None:
    more = {}
    if name == STRUCTURE:
        onnx.save(sequence_net(), tmp_path / "sequence.onnx")
        more["model"] = stand.lathe.upload_model(tmp_path / "sequence.onnx").id
    spec = stand.spec(PIPELINES[name], "train", "calibration", **more)
    job = stand.lathe.wait(stand.lathe.submit(spec).id, timeout_s=300)
    assert job.state is JobState.SUCCEEDED, job.failure
    report = stand.lathe.report(job.id)
    assert [s.technique for s in report.steps] == [s["technique"] for s in PIPELINES[name]]
    for step in report.steps:
        if step.technique in TOLD:
            assert TOLD[step.technique] in step.facts, step
        tells = step.technique in {"analyze.sensitivity", "quantize.mixed"}
        assert bool(step.sensitivities) == tells
    files = {file.kind: file for file in stand.lathe.artifacts(job.id)}
    model = stand.lathe.download(files["onnx"], tmp_path)
    x = np.zeros((2, *SHAPE), np.float32)
    (y,) = ort.InferenceSession(model).run(None, {"x": x})
    assert np.isfinite(y).all()
    if "packed" in files:
        small = stand.lathe.download(files["packed"], tmp_path)
        packed.unpack(small, tmp_path / "again.onnx")
        assert (tmp_path / "again.onnx").read_bytes() == model.read_bytes()


def test_a_job_whose_second_step_fails_hands_over_what_the_first_one_made(
    stand: Stand, tmp_path: Path
) -> None:
    steps: list[dict[str, Any]] = [
        {"id": "mask", "technique": "prune.weights", "sparsity": 0.5},
        {"id": "slim", "technique": "prune.channels", "keep_macs": 0.0001},
        {"id": "int8", "technique": "quantize.dynamic"},
    ]
    job = stand.lathe.wait(stand.lathe.submit(stand.spec(steps)).id, timeout_s=300)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert (job.failure.code, job.failure.step) == ("budget_unreachable", 1)
    assert [step.state for step in job.steps] == ["succeeded", "failed", "skipped"]
    assert job.verdict is not None
    assert job.verdict.best == "mask"
    assert stand.lathe.report(job.id).failure == job.failure
    files = {file.kind: file for file in stand.lathe.artifacts(job.id)}
    assert files["onnx"].candidate == "mask"
    model = stand.lathe.download(files["onnx"], tmp_path)
    (y,) = ort.InferenceSession(model).run(None, {"x": np.zeros((2, *SHAPE), np.float32)})
    assert np.isfinite(y).all()
