"""A stand-in engine that obeys its model: quick, and it waits or dies where it is told to.

The canonical model is JSON: {"hang": step id}, {"die": step id}, {"fill_the_disk": step id}, or
{"hang_at_first": step id}
for a job that nothing is known of yet; "pause_s" lengthens every step and the inspection,
"name_a_file" names the model's artifact. Steps write a checkpoint made from the one before.
"""

import errno
import hashlib
import json
import os
import signal
import time
from pathlib import Path

from lathe.report import Candidate, Environment, Measurement, Report, StepReport, Verdict
from lathe.views import Progress
from tests.services.worker.shop import DATA_FACTS, FACTS, IO
from worker.child import Say
from worker.engine.measure.locks import TimingLock
from worker.wire import (
    Compress,
    Compressed,
    DatasetInspected,
    Ending,
    InspectDataset,
    InspectModel,
    ModelInspected,
    OutFile,
    Progressed,
    StepFinished,
    StepStarted,
)


def perform(
    task: InspectModel | InspectDataset | Compress,
    folder_in: Path,
    folder_out: Path,
    say: Say,
    lock: TimingLock,
) -> Ending:
    """Go through the motions."""
    if isinstance(task, InspectModel):
        data = (folder_in / task.upload).read_bytes()
        if data.startswith(b"{"):
            time.sleep(float(json.loads(data).get("pause_s", 0)))
        (folder_out / "canonical.onnx").write_bytes(data)
        return ModelInspected(canonical="canonical.onnx", facts=FACTS)
    if isinstance(task, InspectDataset):
        data = (folder_in / task.upload).read_bytes()
        (folder_out / "data.safetensors").write_bytes(data)
        return DatasetInspected(canonical="data.safetensors", facts=DATA_FACTS)
    return _compress(task, folder_in, folder_out, say)


def _compress(task: Compress, folder_in: Path, folder_out: Path, say: Say) -> Ending:
    wish = json.loads((folder_in / task.model.canonical).read_text())
    start = task.reused[-1].checkpoint if task.reused else task.model.canonical
    state = (folder_in / str(start)).read_bytes()
    steps = [step.report for step in task.reused]
    last = len(task.reused) if task.cut_short else len(task.spec.pipeline)
    for position in range(len(task.reused), last):
        name = task.spec.step_id(position)
        say(StepStarted(step=name))
        say(Progressed(progress=Progress(step=name, fraction=0.25, unit="epoch", eta_s=3.0)))
        if wish.get("fill_the_disk") == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if wish.get("die") == name:
            os.kill(os.getpid(), signal.SIGKILL)
        first = wish.get("hang_at_first") == name and not task.reused
        if first or wish.get("hang") == name:
            time.sleep(60)
        time.sleep(float(wish.get("pause_s", 0)))
        state = hashlib.sha256(state + name.encode()).hexdigest().encode()
        (folder_out / f"{position}.checkpoint").write_bytes(state)
        technique = task.spec.pipeline[position].technique
        steps.append(StepReport(id=name, technique=technique, wall_s=0.5, cpu_s=0.25))
        say(StepFinished(step=name, checkpoint=f"{position}.checkpoint", report=steps[-1]))
    (folder_out / "model.onnx").write_bytes(state)
    report = _report(task, tuple(steps), hashlib.sha256(state).hexdigest())
    (folder_out / "report.json").write_text(report.model_dump_json())
    (folder_out / "report.html").write_text("<p>ok")
    files = (
        OutFile(
            file="model.onnx",
            kind="onnx",
            name=wish.get("name_a_file", "small.onnx"),
            media_type="application/onnx",
            candidate=steps[-1].id,
        ),
        OutFile(
            file="report.json",
            kind="report.json",
            name="report.json",
            media_type="application/json",
        ),
        OutFile(
            file="report.html", kind="report.html", name="report.html", media_type="text/html"
        ),
    )
    return Compressed(report=report, io=IO, files=files)


def _report(task: Compress, steps: tuple[StepReport, ...], sha256: str) -> Report:
    size = Measurement(metric="size_bytes", value=64.0, unit="B")
    best = steps[-1].id
    return Report(
        spec=task.spec,
        verdict=Verdict(best=best, constraints_met=None, realised="smaller", sentence="ok"),
        baseline=Candidate(
            id="baseline", file="baseline.onnx", sha256="0" * 64, measurements=(size,)
        ),
        candidates=(
            Candidate(id=best, file="small.onnx", sha256=sha256, measurements=(size, size)),
        ),
        steps=steps,
        failure=task.cut_short,
        environment=Environment(
            lathe_version="0", libraries={}, cpu="c", cores=2, threads=1, device="cpu",
            platform="p", seed=0,
        ),
    )  # fmt: skip
