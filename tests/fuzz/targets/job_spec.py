"""Job specs, as POST /v1/jobs takes them."""

import json
from typing import Any

import atheris

with atheris.instrument_imports(
    include=["lathe.job", "lathe.task", "lathe.limits", "lathe.recipes", "lathe.techniques"]
):
    from lathe.job import EXAMPLE, JobSpec
    from lathe.techniques import TECHNIQUES

from pydantic import ValidationError

from app.http import wording
from tests.fuzz import json_edits
from tests.fuzz.target import Target

_FULL: dict[str, Any] = {
    **EXAMPLE,
    "baseline": EXAMPLE["model"],
    "data": {**EXAMPLE["data"], "train": EXAMPLE["data"]["evaluation"]},
    "outputs": [{"kind": "onnx", "opset": 17}, {"kind": "packed"}],
    "benchmark": {"batch_sizes": [1, 32], "runs": 100, "threads": 2, "every_step": True},
    "resources": {"device": "auto", "max_run_s": 7200, "priority": 5},
    "seed": 17,
}
_STEPS: tuple[list[dict[str, Any]], ...] = (
    [
        {"id": "slim", "technique": "prune.channels", "keep_macs": 0.5, "round_to": 8},
        {"technique": "train.recover", "epochs": 3, "optimizer": {"kind": "sgd", "lr": 0.05}},
        {"technique": "quantize.static", "weights": {"bits": 8, "symmetric": True}},
        {"technique": "encode.entropy"},
    ],
    [
        {"technique": "prune.weights", "sparsity": 0.5, "criterion": "magnitude"},
        {"technique": "decompose.svd"},
        {"technique": "share.weights", "bits": 4},
        {"technique": "train.distill", "teachers": [{"model": "baseline", "weight": 1.0}]},
        {"technique": "encode.entropy"},
    ],
)
DOCUMENTS = [
    json.dumps(spec)
    for spec in (
        EXAMPLE,
        {**_FULL, "pipeline": {"recipe": "deep-compression", "target": {"max_drop": 0.005}}},
        *({**_FULL, "pipeline": steps} for steps in _STEPS),
    )
]
_WORDS = [
    *(step.model_fields["technique"].default for step in TECHNIQUES),
    "slim-50", "int8", "deep-compression", "accuracy", "latency_ms", "size_bytes", "packed",
    "baseline", "regression", "similarity", "none", "tensorboard",
]  # fmt: skip


def _one(data: bytes) -> None:
    try:
        body = json.loads(json_edits.text(DOCUMENTS, data, _WORDS))
    except (ValueError, RecursionError):
        return  # no JSON: the door says so
    try:
        spec = JobSpec.model_validate(body)
    except ValidationError as error:
        assert wording.field_problems(error.errors(), body)
        return
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


TARGET = Target(
    "job specs", _one, lambda: json_edits.seeds(DOCUMENTS), refusals=(), longest=128
)
