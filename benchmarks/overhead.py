"""`make bench-overhead`: what the service adds to a quantization, in the client's seconds.

Model and data are uploaded before. Then POST to succeeded (`task: null, benchmark: null`) takes
turns with the bare library call in a fresh process, which imports, reads, quantizes and writes
(`bare_quantization`); medians of the rounds are compared. Every job has a seed of its own, so
that the step cache answers none. The first job of a worker also loads torch and onnxruntime;
it is told apart.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import minilm, resnet20
from benchmarks.harness import Line, conclude
from benchmarks.phases import Clock, phases
from examples.service import Service, embedded
from lathe.client import Client
from lathe.states import JobState

ROUNDS = 9
MINILM_MOST, RESNET_MOST = 1.5, 2.0
CALIBRATION_SAMPLES = 512


@dataclass(slots=True)
class Case:
    """One quantization, both ways. Times are seconds; `parts` are the job's, round by round."""

    name: str
    most: float
    spec: dict[str, object]
    bare: tuple[str, ...]
    warm_up_s: float = 0.0
    job_s: list[float] = field(default_factory=list)
    bare_s: list[float] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)

    @property
    def times(self) -> float:
        """The service's median over the library's."""
        return median(self.job_s) / median(self.bare_s)


@dataclass(frozen=True, slots=True)
class _Bench:
    """A running service, its client, and where its worker writes."""

    service: Service
    client: Client
    scratch: Path

    def job(self, case: Case, seed: int) -> tuple[float, dict[str, float]]:
        """Seconds from POST to succeeded, and what they went into."""
        start_s, asked = time.perf_counter(), datetime.now(UTC)
        submitted = self.client.submit(case.spec | {"seed": seed})
        answered = datetime.now(UTC)
        job = self.client.wait(submitted.id)
        spent_s, knew = time.perf_counter() - start_s, datetime.now(UTC)
        if job.state is not JobState.SUCCEEDED:
            raise RuntimeError(f"job {job.id} {job.state}: {job.failure}")
        log = self.scratch / "data" / "logs" / "worker-cpu.log"
        return spent_s, phases(self.service, job.id, Clock(asked, answered, knew), log)

    def bare(self, case: Case) -> float:
        """Seconds of the library in a fresh process."""
        start_s = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmarks.bare_quantization", *case.bare],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - start_s


@contextmanager
def _bench() -> Iterator[_Bench]:
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    try:
        with (
            embedded(scratch / "data") as running,
            Client(running.url, running.key) as client,
        ):
            yield _Bench(running, client, scratch)
    finally:
        shutil.rmtree(scratch)


def _minilm(bench: _Bench) -> Case:
    path = bench.scratch / "minilm.onnx"
    minilm.export(path)
    model = bench.client.upload_model(path)
    return Case(
        name="MiniLM dynamic int8",
        most=MINILM_MOST,
        spec=_spec(model.id, "quantize.dynamic", {}),
        bare=("dynamic", str(path), str(bench.scratch / "minilm.int8.onnx")),
    )


def _resnet20(bench: _Bench, data: Path) -> Case:
    path, pixels = bench.scratch / "resnet20.onnx", bench.scratch / "images.npy"
    resnet20.export(data, path)
    images, labels = resnet20.images(data, "data_batch_1.png", "train_lables.json")
    np.save(pixels, images[:CALIBRATION_SAMPLES])
    arrays = bench.scratch / "cifar10.npz"
    np.savez(arrays, **{"train/image": images[:2000], "train/label": labels[:2000]})
    model = bench.client.upload_model(path)
    cifar = bench.client.upload_dataset(arrays, transforms={"image": resnet20.PIXELS})
    split = {"dataset": cifar.id, "split": "train", "samples": CALIBRATION_SAMPLES}
    return Case(
        name="ResNet-20 static int8",
        most=RESNET_MOST,
        spec=_spec(model.id, "quantize.static", {"calibration": split}),
        bare=("static", str(path), str(bench.scratch / "resnet20.int8.onnx"), str(pixels)),
    )


def _spec(model: str, technique: str, data: dict[str, object]) -> dict[str, object]:
    return {
        "model": model,
        "data": data,
        "task": None,
        "benchmark": None,
        "pipeline": [{"technique": technique}],
    }


def _report(case: Case) -> None:
    """Both medians, and the line that says where the job's time goes."""
    job_ms, bare_ms = 1000 * median(case.job_s), 1000 * median(case.bare_s)
    print(
        f"{case.name}: job {job_ms:.0f} ms, library {bare_ms:.0f} ms, "
        f"{case.times:.2f} times; the worker's first job {1000 * case.warm_up_s:.0f} ms"
    )
    middle = {name: median(part[name] for part in case.parts) for name in case.parts[0]}
    print("  where: " + ", ".join(f"{name} {1000 * s:.0f} ms" for name, s in middle.items()))


def main() -> int:
    """Run; 0 when both ratios keep their limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    with _bench() as bench:
        cases = [_minilm(bench), _resnet20(bench, asked.data)]
        for case in cases:
            case.warm_up_s, _ = bench.job(case, seed=0)
            bench.bare(case)
        for turn in range(1, asked.rounds + 1):
            for case in cases:
                spent_s, parts = bench.job(case, seed=turn)
                case.job_s.append(spent_s)
                case.parts.append(parts)
                case.bare_s.append(bench.bare(case))
        last = bench.client.wait(bench.client.submit(cases[0].spec | {"seed": 0}).id)
        environment = bench.client.report(last.id).environment
    for case in cases:
        _report(case)
    lines = [
        Line(f"{case.name}, job over library", case.times, case.most, at_least=False)
        for case in cases
    ]
    rounds = {
        case.name: {
            "first_job_s": case.warm_up_s,
            "job_s": case.job_s,
            "library_s": case.bare_s,
            "job_parts_s": case.parts,
        }
        for case in cases
    }
    return conclude("overhead", lines, environment, rounds=rounds)


if __name__ == "__main__":
    sys.exit(main())
