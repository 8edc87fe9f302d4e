"""Every artifact: downloaded over HTTP, its sha256 compared, every model run once."""

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tests.chaos.arena import Arena
from tests.chaos.audit.findings import Findings
from tests.chaos.patient import Patient

_KINDS = {"onnx": 1, "report.json": 1, "report.html": 1, "bom": 1, "manifest": 1}
_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def check_artifacts(
    found: Findings, arena: Arena, client: Patient, jobs: list[dict[str, Any]]
) -> None:
    """Look at the files of every job that succeeded."""
    for job in jobs:
        if (job["kind"], job["state"]) != ("compress", "succeeded"):
            continue
        artifacts = list(client.pages(f"/v1/jobs/{job['id']}/artifacts"))
        kinds = Counter(artifact["kind"] for artifact in artifacts)
        if kinds != _KINDS:
            found.twice.append(f"{job['id']} has the files {dict(kinds)}")
        for artifact in artifacts:
            found.artifacts += 1
            _check(found, client, artifact)
    arena.diary.say(f"{found.artifacts} artifacts were downloaded")


def _check(found: Findings, client: Patient, artifact: dict[str, Any]) -> None:
    content = client.ask("GET", f"/v1/artifacts/{artifact['id']}/content").content
    if hashlib.sha256(content).hexdigest() != artifact["sha256"]:
        found.damaged.append(f"{artifact['id']} of {artifact['job']}: another sha256")
    elif artifact["kind"] == "onnx" and (why := _unusable(content)) is not None:
        found.unusable.append(f"{artifact['id']} of {artifact['job']}: {why}")


def _unusable(content: bytes) -> str | None:
    """Run the model on one random example; why that fails, or None."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        feeds = {end.name: _ones(end.shape, end.type) for end in session.get_inputs()}
        outputs = session.run(None, feeds)
    except RuntimeError as error:  # what onnxruntime's own errors derive from
        return str(error)
    return None if all(np.isfinite(output).all() for output in outputs) else "it is not finite"


def _ones(shape: list[int | str], kind: str) -> NDArray[np.generic]:
    """An example of that shape; every axis that has a name is one long."""
    return np.ones([size if isinstance(size, int) else 1 for size in shape], _TYPES[kind])
