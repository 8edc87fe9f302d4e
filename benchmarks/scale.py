"""`make bench-scale`: jobs an hour with one worker and with two, of one thread each.

One service, real small jobs: static int8 of the shipped LeNet-5, calibrated on 2,048 images,
`task: null, benchmark: null`, each with a seed of its own so that the step cache answers none.
Rounds with one and with two workers take turns. A worker that is started first finishes a job
that is not timed: loading torch is paid once in a worker's life. A round is timed from its
first POST to the end of its last job; the medians are compared. At the end of a round one of
two workers has nothing left to do for half a job on average: 48 jobs keep that below 2 %.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median

from app.up.tree import Child
from benchmarks.harness import Line, conclude
from benchmarks.phases import Clock, phases
from benchmarks.transfer.servers import Server, lathe
from examples.demo import DATA, MODEL, PIXELS
from examples.service import Service
from lathe.client import Client
from lathe.states import JobState
from lathe.views import JobView
from worker.engine.measure.environment import environment

TIMES_AT_LEAST = 1.7
CALIBRATION_SAMPLES = 2048
STOP_WITHIN_S = 60.0
WORKERS = ("worker-one", "worker-two")
TOLD = ("staging", "fork", "opening", "step and its checkpoint", "artifact and report",
        "store and finish")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Round:
    """A round's seconds, and each of its jobs' parts in seconds."""

    seconds: float
    jobs: list[dict[str, float]]

    def stored(self) -> dict[str, object]:
        """The seconds, and of each part the median, least and most of all jobs."""
        parts = {}
        for part in self.jobs[0]:
            of_jobs = [job[part] for job in self.jobs]
            middle = round(median(of_jobs), 6)
            parts[part] = {"median": middle, "least": min(of_jobs), "most": max(of_jobs)}
        return {"seconds": self.seconds, "parts": parts}


@dataclass(slots=True)
class Bench:
    """A running service, its client, and what its jobs are."""

    server: Server
    client: Client
    service: Service
    spec: dict[str, object]
    seeds: Iterator[int] = field(default_factory=lambda: count(1))

    def round(self, jobs: int) -> Round:
        """Submit, wait, note; raises RuntimeError when a job fails."""
        began = datetime.now(UTC)
        asked = []
        for _ in range(jobs):
            before = datetime.now(UTC)
            asked.append((self.submit(), before, datetime.now(UTC)))
        ended = [self.finished(job_id) for job_id, _, _ in asked]
        last = max(job.finished_at for job in ended if job.finished_at is not None)
        parts = []
        for (job_id, before, after), job in zip(asked, ended, strict=True):
            assert job.finished_at is not None
            clock = Clock(before, after, job.finished_at)
            parts.append(phases(self.service, job_id, clock, self._log(job_id)))
        return Round((last - began).total_seconds(), parts)

    def warm_up(self, worker: str) -> None:
        """Give out jobs until this worker has finished one."""
        while "is answered" not in self.server.tree.log(worker).read_text():
            for job_id in [self.submit() for _ in WORKERS]:
                self.finished(job_id)

    def submit(self) -> str:
        """One more job; its id."""
        return self.client.submit(self.spec | {"seed": next(self.seeds)}).id

    def finished(self, job_id: str) -> JobView:
        """The job at its end, by one long poll after the other."""
        job = self.client.wait(job_id)
        if job.state is not JobState.SUCCEEDED:
            raise RuntimeError(f"job {job.id} {job.state}: {job.failure}")
        return job

    def _log(self, job_id: str) -> Path:
        logs = (self.server.tree.log(worker) for worker in WORKERS)
        return next(log for log in logs if log.is_file() and job_id in log.read_text())


def main() -> int:
    """Run; 0 when two workers do enough more than one."""
    options = _options()
    rounds: dict[int, list[Round]] = {1: [], 2: []}
    with _bench() as bench:
        one = _worker(WORKERS[0])
        bench.server.tree.start(one)
        bench.warm_up(WORKERS[0])
        for number in range(1, options.rounds + 1):
            rounds[1].append(bench.round(options.jobs))
            with _second(bench):
                rounds[2].append(bench.round(options.jobs))
            taken = (f"{n} workers {of_n[-1].seconds:.1f} s" for n, of_n in rounds.items())
            print(f"round {number}, {options.jobs} jobs: {', '.join(taken)}", flush=True)
    return _conclude(rounds, options.jobs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-scale")
    parser.add_argument("--jobs", type=int, default=48, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


@contextmanager
def _bench() -> Iterator[Bench]:
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    data = scratch / "data"
    more = {
        "LATHE_THREADS": "1",
        "LATHE_WORK_DIR": str(scratch / "work"),
        "LATHE_LOCK_PATH": str(scratch / "lock"),
    }
    try:
        with lathe(data, f"file://{data / 'objects'}", more) as server:
            key = server.headers["Authorization"].removeprefix("Bearer ")
            with Client(server.url, key) as client:
                intake = Child("intake", _command("intake"))
                for child in (intake, Child("sweep", (sys.executable, "-m", "worker.sweep"))):
                    server.tree.start(child)
                spec = _spec(client)
                _stop(intake)  # nothing else is uploaded
                yield Bench(server, client, Service(server.url, key), spec)
    finally:
        shutil.rmtree(scratch)


def _spec(client: Client) -> dict[str, object]:
    model = client.upload_model(MODEL)
    images = client.upload_dataset(DATA, transforms={"image": PIXELS})
    return {
        "model": model.id,
        "data": {
            "calibration": {
                "dataset": images.id,
                "split": "train",
                "samples": CALIBRATION_SAMPLES,
            }
        },
        "task": None,
        "benchmark": None,
        "pipeline": [{"technique": "quantize.static"}],
    }


@contextmanager
def _second(bench: Bench) -> Iterator[None]:
    worker = _worker(WORKERS[1])
    bench.server.tree.log(WORKERS[1]).write_bytes(b"")  # the one of the last round is gone
    bench.server.tree.start(worker)
    bench.warm_up(WORKERS[1])
    try:
        yield
    finally:
        _stop(worker)


def _worker(name: str) -> Child:
    return Child(name, (*_command("cpu"), "--name", name))


def _command(queue: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "worker", "--queue", queue)


def _stop(child: Child) -> None:
    assert child.process is not None
    os.killpg(child.process.pid, signal.SIGTERM)
    child.process.wait(STOP_WITHIN_S)


def _conclude(rounds: dict[int, list[Round]], jobs: int) -> int:
    taken = {n: median(each.seconds for each in of_n) for n, of_n in rounds.items()}
    for n, of_n in rounds.items():
        ended = [job for each in of_n for job in each.jobs]
        parts = {part: median(job[part] for job in ended) for part in TOLD}
        told = ", ".join(f"{part} {1e3 * seconds:.0f} ms" for part, seconds in parts.items())
        print(f"workers: {n}, jobs an hour: {3600 * jobs / taken[n]:.0f}; a job: {told}")
    times = taken[1] / taken[2]
    return conclude(
        "scale",
        [Line("jobs of two workers, times one's", times, TIMES_AT_LEAST, at_least=True)],
        environment(threads=1, device="cpu", seed=0),
        jobs_a_round=jobs,
        jobs_an_hour={n: 3600 * jobs / seconds for n, seconds in taken.items()},
        rounds={n: [each.stored() for each in of_n] for n, of_n in rounds.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
