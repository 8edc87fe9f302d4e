"""`make demo`: a trained LeNet-5 and MNIST go up, a smaller, faster LeNet-5 comes down.

Everything happens over HTTP against a real service that this script starts and stops: upload,
prune + distil + 8-bit integers, measure, download. The table at the end is checked: 10x
smaller, at most 0.5 points of accuracy lost on the 10,000 test images, twice as fast at batch
1. Exit status 1 when a line is missed.
"""

import hashlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.service import embedded
from lathe.client import Client
from lathe.facts import Transform
from lathe.report import Candidate, Report
from lathe.states import JobState
from lathe.views import ArtifactView, JobView

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "demo-out"
MODEL = HERE / "mnist" / "lenet5.onnx"
DATA = HERE / "mnist" / "mnist.npz"
PIXELS = Transform(scale=1 / 255, mean=(0.1307,), std=(0.3081,))

SMALLER = 10.0
POINTS_LOST = 0.5
FASTER = 2.0
FIRST = "0.weight"  # of one input channel: onnxruntime's float kernel is the faster one there


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: before, after, what it must keep, and whether it does."""

    what: str
    before: str
    after: str
    change: str
    target: str
    kept: bool


def spec(model: str, dataset: str) -> dict[str, object]:
    """The job: a third of the multiply-accumulates, taught by the original, in integers."""
    return {
        "name": "lenet5-demo",
        "model": model,
        "data": {
            "train": {"dataset": dataset, "split": "train"},
            "calibration": {"dataset": dataset, "split": "train", "samples": 512},
            "evaluation": {"dataset": dataset, "split": "test"},
        },
        "task": {"kind": "classification"},
        "pipeline": [
            {
                "id": "prune",
                "technique": "prune.channels",
                "keep_parameters": 0.16,
                "round_to": 4,
            },
            {"id": "distill", "technique": "train.distill", "epochs": 8, "batch_size": 64},
            {
                "id": "int8",
                "technique": "quantize.static",
                "exclude": [FIRST],
            },
        ],
        "constraints": [{"metric": "accuracy", "max_drop": POINTS_LOST / 100}],
        "benchmark": {"batch_sizes": [1, 32], "runs": 200},
    }


def main() -> int:
    """Run the demo; 0 when every line of the table holds."""
    console = Console()
    OUT.mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="lathe-demo-"))
    try:
        console.print("[bold]Lathe demo[/]  starting the embedded service")
        with embedded(scratch / "data") as service, Client(service.url, service.key) as lathe:
            console.print(f"service   {service.url}")
            model = lathe.upload_model(MODEL)
            console.print(f"model     {model.id}  {MODEL.name}, {model.size_bytes:,} bytes")
            data = lathe.upload_dataset(DATA, transforms={"image": PIXELS})
            console.print(f"data      {data.id}  {DATA.name}, {data.size_bytes:,} bytes")
            job = lathe.submit(spec(model.id, data.id))
            console.print(f"job       {job.id}")
            job = follow(lathe, job, console)
            if job.state is not JobState.SUCCEEDED:
                detail = job.failure.detail if job.failure else ""
                console.print(f"[red]the job {job.state}[/] {detail}")
                return 1
            report = lathe.report(job.id)
            files = {a.kind: lathe.download(a, OUT) for a in best(lathe, job, report)}
    finally:
        shutil.rmtree(scratch)
    lines = table_lines(report, files["onnx"])
    show(console, report, lines)
    for kind, path in files.items():
        console.print(f"{kind:<12}{path}", soft_wrap=True)
    return 0 if all(line.kept for line in lines) else 1


def follow(lathe: Client, job: JobView, console: Console) -> JobView:
    """Show one bar a step until the job is finished."""
    with Progress(
        TextColumn("  {task.description:<10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    ) as bars:
        shown: dict[str, TaskID] = {}

        def seen(now: JobView) -> None:
            for step in now.steps:
                if step.fraction == 0 and step.state == "pending":
                    continue
                bar = shown.get(step.id)
                if bar is None:
                    bar = shown[step.id] = bars.add_task(step.id, total=1, note="")
                bars.update(bar, completed=step.fraction)
            if now.progress and now.progress.step in shown:
                bars.update(shown[now.progress.step], note=now.progress.message or "")

        return lathe.wait(job.id, seen=seen)


def best(lathe: Client, job: JobView, report: Report) -> list[ArtifactView]:
    """The best candidate's file and both reports."""
    return [
        artifact
        for artifact in lathe.artifacts(job.id)
        if artifact.candidate in (None, report.verdict.best)
    ]


def table_lines(report: Report, downloaded: Path) -> list[Line]:
    """Before and after. Bytes and accuracy are taken from the two files themselves, here;
    latency from the interleaved medians of the report."""
    candidate = next(c for c in report.candidates if c.id == report.verdict.best)
    if hashlib.sha256(downloaded.read_bytes()).hexdigest() != candidate.sha256:
        raise RuntimeError("the downloaded file is not the one that was measured")
    old_bytes, new_bytes = MODEL.stat().st_size, downloaded.stat().st_size
    old_right, new_right = accuracy(MODEL), accuracy(downloaded)
    lost = 100 * (old_right - new_right)
    lines = [
        Line(
            "file, bytes",
            f"{old_bytes:,}",
            f"{new_bytes:,}",
            f"{old_bytes / new_bytes:.1f}x smaller",
            f">= {SMALLER:g}x",
            old_bytes >= SMALLER * new_bytes,
        ),
        Line(
            "accuracy",
            f"{100 * old_right:.2f} %",
            f"{100 * new_right:.2f} %",
            f"{-lost:+.2f} points",
            f">= -{POINTS_LOST:g}",
            lost <= POINTS_LOST + 1e-9,
        ),
    ]
    for batch_size in (1, 32):
        before = latency_ms(report.baseline, batch_size)
        after = latency_ms(candidate, batch_size)
        lines.append(
            Line(
                f"latency, batch {batch_size}",
                f"{before:.4f} ms",
                f"{after:.4f} ms",
                f"{before / after:.1f}x faster",
                f">= {FASTER:g}x" if batch_size == 1 else "",
                batch_size != 1 or before >= FASTER * after,
            )
        )
    return lines


def latency_ms(candidate: Candidate, batch_size: int) -> float:
    """The median latency that the report holds for this batch size."""
    return next(
        m.value
        for m in candidate.measurements
        if m.metric == "latency_ms" and m.batch_size == batch_size
    )


def accuracy(model: Path) -> float:
    """Fraction of the 10,000 test images that this file gets right in onnxruntime."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with np.load(DATA) as data:
        images, labels = data["test/image"], data["test/label"]
    pixels = (images.astype(np.float32) * PIXELS.scale - PIXELS.mean[0]) / PIXELS.std[0]
    name = session.get_inputs()[0].name
    right = [
        session.run(None, {name: pixels[i : i + 500]})[0].argmax(1) == labels[i : i + 500]
        for i in range(0, len(labels), 500)
    ]
    return float(np.concatenate(right).mean())


def show(console: Console, report: Report, lines: list[Line]) -> None:
    """Print the table and the verdict."""
    table = Table(title="LeNet-5 on the 10,000 MNIST test images, before and after")
    for heading in ("", "before", "after", "change", "target", ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for line in lines:
        mark = "" if not line.target else "[green]ok[/]" if line.kept else "[red]missed[/]"
        table.add_row(line.what, line.before, line.after, line.change, line.target, mark)
    console.print(table)
    console.print(report.verdict.sentence, soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
