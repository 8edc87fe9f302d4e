"""A running service with what pages show: a model, data that it labelled itself, a job."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from examples.service import embedded
from lathe.client import Client
from lathe.states import JobState
from stand import SHAPE, answers, net

QUOTAS = {"LATHE_QUOTA_STORED_BYTES": "50000000", "LATHE_QUOTA_GPU_MINUTES": "0"}


@dataclass(frozen=True)
class Stage:
    """Where pages are, the key to them, and files to upload."""

    url: str
    key: str
    model_file: Path
    data_file: Path
    broken_file: Path
    model: str
    data: str
    job: str


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The service, with everything below `folder`."""
    files = folder / "files"
    files.mkdir()
    rng = np.random.default_rng(2)
    model = net(rng)
    onnx.save(model, files / "net.onnx")
    arrays: dict[str, Any] = {}
    for split, count in (("train", 600), ("test", 200)):
        x = rng.standard_normal((count, *SHAPE)).astype(np.float32)
        arrays |= {f"{split}/x": x, f"{split}/label": answers(model, x)}
    np.savez(files / "data.npz", **arrays)
    (files / "broken.onnx").write_text("no model at all")
    with (
        embedded(folder / "data", environment=QUOTAS) as service,
        Client(service.url, service.key) as lathe,
    ):
        uploaded = lathe.upload_model(files / "net.onnx", name="tabular net").id
        data = lathe.upload_dataset(files / "data.npz", name="two splits").id
        yield Stage(
            url=service.url,
            key=service.key,
            model_file=files / "net.onnx",
            data_file=files / "data.npz",
            broken_file=files / "broken.onnx",
            model=uploaded,
            data=data,
            job=_finished(lathe, uploaded, data),
        )


def _finished(lathe: Client, model: str, data: str) -> str:
    spec = {
        "name": "prune, then integers",
        "model": model,
        "data": {"evaluation": {"dataset": data, "split": "test"}},
        "task": {"kind": "classification"},
        "pipeline": [
            {"technique": "prune.weights", "sparsity": 0.5},
            {"technique": "quantize.dynamic"},
        ],
        "benchmark": {"runs": 10, "every_step": True},
    }
    job = lathe.wait(lathe.submit(spec).id)
    if job.state is not JobState.SUCCEEDED:
        raise RuntimeError(f"the job to be shown has {job.state}: {job.failure}")
    return job.id
