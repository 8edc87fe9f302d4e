"""Where the rows of one run are made: a service, its uploads, and one job a row."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.deep_compression.judge import Arrays, Judged, judged
from benchmarks.deep_compression.rows import Row
from lathe.client import Client
from lathe.facts import Transform
from lathe.report import PackedFile, Report
from lathe.states import JobState
from lathe.views import JobView

LONGEST_S = 4 * 3600


@dataclass(frozen=True, slots=True)
class Given:
    """What a row starts from: the uploaded model and the data of its job."""

    subject: str
    seed: int
    dense: Path
    dense_bytes: int
    model: str
    job: dict[str, object]
    test: Path
    teachers: tuple[str, ...] = ()


@dataclass
class Stage:
    """One running service. A file that was uploaded or judged once is not again."""

    client: Client
    scratch: Path
    data: Path
    build: Path
    quick: bool
    uploads: dict[Path, str] = field(default_factory=dict)
    dense: dict[Path, Judged] = field(default_factory=dict)

    def model(self, path: Path) -> str:
        """The id of an uploaded model."""
        if path not in self.uploads:
            self.uploads[path] = self.client.upload_model(path).id
        return self.uploads[path]

    def dataset(self, name: str, arrays: Arrays, transforms: dict[str, Transform]) -> str:
        """The id of an uploaded data set; `arrays` are looked at once."""
        path = self.scratch / f"{name}.npz"
        if path not in self.uploads:
            np.savez(path, **arrays)  # type: ignore[arg-type]
            uploaded = self.client.upload_dataset(path, transforms=transforms)
            self.uploads[path] = uploaded.id
        return self.uploads[path]

    def test(self, name: str, arrays: Arrays) -> Path:
        """Test data for the judge, as the model takes them."""
        path = self.scratch / f"{name}.test.npz"
        if not path.exists():
            np.savez(path, **arrays)  # type: ignore[arg-type]
        return path

    def row(self, given: Given, case: str, pipeline: object, **more: object) -> Row:
        """Submit the job, download what it made, decode and judge that elsewhere."""
        begun_s = time.perf_counter()
        job = self._finished(
            {
                "name": f"{given.subject}-{case}",
                "model": given.model,
                "pipeline": pipeline,
                "seed": given.seed,
                "benchmark": {"runs": 10},
                "resources": {"max_run_s": LONGEST_S},
                **given.job,
                **more,
            }
        )
        report = self.client.report(job.id)
        packed = _packed(report)
        files = {a.name: a for a in self.client.artifacts(job.id)}
        folder = self.scratch / job.id
        file = self.client.download(files[packed.file], folder)
        onnx = files[next(c.file for c in report.candidates if c.packed)]
        wall_s = time.perf_counter() - begun_s
        found = judged(file, given.test)
        if given.dense not in self.dense:
            self.dense[given.dense] = judged(given.dense, given.test)
        return Row(
            subject=given.subject,
            case=case,
            seed=given.seed,
            size_bytes=file.stat().st_size,
            huffman_bytes=packed.huffman_bytes,
            dense_bytes=given.dense_bytes,
            score=found.score,
            examples=found.examples,
            right=found.right,
            dense_score=self.dense[given.dense].score,
            held_out_score=_held_out(report),
            exact=found.sha256 == onnx.sha256,
            wall_s=wall_s,
            encode_s=packed.encode_s,
            decode_s=found.decode_s or 0.0,
            parts=packed.parts,
            pipeline=[step.technique for step in report.steps],
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            environment=report.environment.model_dump(),
        )

    def _finished(self, spec: dict[str, object]) -> JobView:
        job = self.client.wait(self.client.submit(spec).id)
        if job.state is not JobState.SUCCEEDED:
            raise RuntimeError(f"job {job.id} {job.state}: {job.failure}")
        return job


def _packed(report: Report) -> PackedFile:
    """Of the last candidate, which alone has one; raises StopIteration without any."""
    return next(c.packed for c in reversed(report.candidates) if c.packed)


def _held_out(report: Report) -> float | None:
    """What the last step that looked at held-out train data found."""
    for step in reversed(report.steps):
        score = step.facts.get("held_out_score_after")
        if isinstance(score, float):
            return score
    return None
