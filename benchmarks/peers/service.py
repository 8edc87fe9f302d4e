"""Lathe's side of a case: one upload, then its jobs, all through HTTP."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.case import Case
from benchmarks.peers.contenders import Job
from benchmarks.peers.memory import Peak
from benchmarks.peers.result import Result
from lathe.client import Client
from lathe.states import JobState


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The case in the service. `upload_s` is what it took, inspections included."""

    case: Case
    model: str
    dataset: str
    upload_s: float


def uploaded(client: Client, case: Case) -> Uploaded:
    """Upload model and data, then let the worker load its libraries on a job of no account:
    a service that runs has done so long before."""
    start_s = time.perf_counter()
    model = client.upload_model(case.model)
    dataset = client.upload_dataset(case.dataset, transforms=case.transforms)
    upload_s = time.perf_counter() - start_s
    first = {"model": model.id, "pipeline": [{"technique": "optimize.graph"}]}
    client.wait(client.submit(first | {"benchmark": None}).id)
    return Uploaded(case, model.id, dataset.id, upload_s)


def compressed(client: Client, there: Uploaded, job: Job, folder: Path) -> Result:
    """Submit, wait, download; the result says why where the job failed."""
    case = there.case
    result = Result(case.name, job.name, ours=True)
    with Peak(os.getpid()) as peak:
        start_s = time.perf_counter()
        ended = client.wait(client.submit(_spec(there, job)).id)
        if ended.state is not JobState.SUCCEEDED:
            why = ended.failure.detail if ended.failure else str(ended.state)
            result.error = f"{job.name}: {why}"
            return result
        report = client.report(ended.id)
        best = [a for a in client.artifacts(ended.id) if a.candidate == report.verdict.best]
        files = {a.kind: client.download(a, folder) for a in best if a.kind in _KINDS}
        result.wall_s = there.upload_s + time.perf_counter() - start_s
    result.peak_bytes = peak.size_bytes
    result.file = files["onnx"]
    result.raw_bytes = files["onnx"].stat().st_size
    result.packed_bytes = files["packed"].stat().st_size
    result.notes.append(report.verdict.sentence)
    return result


_KINDS = ("onnx", "packed")


def _spec(there: Uploaded, job: Job) -> dict[str, object]:
    parts = {split: split for split in job.splits}
    task = None
    if job.judged:
        parts["evaluation"] = "held_out"
        task = {"kind": there.case.task, "metrics": [there.case.metric]}
    return {
        "model": there.model,
        "data": {
            name: {"dataset": there.dataset, "split": split} for name, split in parts.items()
        },
        "task": task,
        "pipeline": job.pipeline,
        "benchmark": None,
    }
