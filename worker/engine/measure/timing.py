"""Latency of files side by side: run by run in turns, in one process, on a quiet machine.

Every round times each file once, in an order drawn anew, so that drift and heat touch all
alike and the runs of a round are a pair. (With the order merely rotated each file always
follows the same one: a file timed beside its own copy then differed by 4 %.) Runs under 20 ms
follow an untimed run of the same file: in use a file finds its own weights in the caches, not
its rival's (ResNet-20 int8 against float: 1.7 times as fast on the other's caches, 1.9 to 2.0
on its own). Rounds are grouped into slices of about two seconds under the host's timing
lock. A batch size that was timed while others used more than a tenth of the machine is timed
again, up to three times in all where that is quick, and the quietest attempt is kept; if even
that was not quiet, or the lock was not to be had, its measurements are marked contended.
"""

import gc
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort

from lathe.report import Interval, Measurement
from lathe.views import Progress
from worker.engine.context import Arrays, Report, silent
from worker.engine.measure.cpu_share import CpuMoment, others_share
from worker.engine.measure.locks import TimingLock
from worker.engine.onnx_file.bundle import SUFFIX
from worker.engine.onnx_file.read import MOST_BYTES
from worker.engine.session import open_session

SLICE_S = 2.0
WARM_UP_RUNS = 5
WARM_UP_S = 0.5  # or as many runs as fit, whichever is more
LOCK_TIMEOUT_S = 30.0
QUIET_SHARE = 0.1
ATTEMPTS = 3
RETRY_WITHIN_S = 20.0
HOT_BELOW_S = 0.02
PAUSE_S = 0.02  # between slices, so that waiting work gets its turn


@dataclass
class _Attempt:
    """Seconds of every run by file name, round by round."""

    seconds: dict[str, list[float]]
    alone: bool = True
    others: list[tuple[float, float]] = field(default_factory=list)  # share, seconds

    @property
    def share(self) -> float:
        total = sum(seconds for _, seconds in self.others)
        return sum(share * s for share, s in self.others) / total if total else 0.0

    @property
    def contended(self) -> bool:
        return not self.alone or self.share > QUIET_SHARE


def time_files(
    files: Mapping[str, Path],
    inputs: Mapping[int, Arrays],
    *,
    runs: int,
    threads: int,
    lock: TimingLock,
    progress: Report = silent,
) -> dict[str, tuple[Measurement, ...]]:
    """Latency and throughput of every file at every batch size, by file name.

    `inputs` holds one batch by its size; each file takes the same. Of each batch size come
    `latency_ms`, the median of `runs` with the interval that 95 % of the runs lie in and all
    of them as samples, paired by round across files, and `throughput_per_s`, examples a
    second at that median.
    """
    sessions = {name: _session(path, threads) for name, path in files.items()}
    made: dict[str, list[Measurement]] = {name: [] for name in files}
    for place, (batch_size, batch) in enumerate(inputs.items()):
        attempts: list[_Attempt] = []
        start = time.monotonic()
        while not attempts or (
            attempts[-1].contended
            and len(attempts) < ATTEMPTS
            and time.monotonic() - start < RETRY_WITHIN_S
        ):
            attempts.append(_timed(sessions, batch, runs, lock))
        best = min(attempts, key=lambda one: (not one.alone, one.share))
        for name, seconds in best.seconds.items():
            made[name] += _measurements(seconds, batch_size, contended=best.contended)
        progress(Progress(fraction=(place + 1) / len(inputs), message="timing"))
    return {name: tuple(found) for name, found in made.items()}


def _session(path: Path, threads: int) -> ort.InferenceSession:
    """As deployed; its threads do not spin on into the next file's run. From bytes where they
    fit: one of the files may be an upload, whose neighbours onnxruntime must not read."""
    single = path.suffix != SUFFIX and path.stat().st_size <= MOST_BYTES
    return open_session(
        path.read_bytes() if single else path,
        threads=threads,
        as_deployed=True,
        entries={"session.force_spinning_stop": "1"},
    )


def _timed(
    sessions: Mapping[str, ort.InferenceSession], batch: Arrays, runs: int, lock: TimingLock
) -> _Attempt:
    names = list(sessions)
    rng = np.random.default_rng(0)
    attempt = _Attempt({name: [] for name in names})
    with lock.shared():
        _warm_up(sessions, batch)
        hot = max(_run_s(session, batch) for session in sessions.values()) < HOT_BELOW_S
    done = 0
    while done < runs:
        with lock.exclusive(LOCK_TIMEOUT_S) as alone, _no_collection():
            attempt.alone &= alone
            for session in sessions.values():
                session.run(None, batch)
            start = CpuMoment.now()
            while done < runs and time.monotonic() - start.clock_s < SLICE_S:
                for place in rng.permutation(len(names)):
                    name = names[place]
                    if hot:
                        sessions[name].run(None, batch)
                    attempt.seconds[name].append(_run_s(sessions[name], batch))
                done += 1
            end = CpuMoment.now()
        share = others_share(start, end, os.cpu_count() or 1)
        attempt.others.append((share, end.clock_s - start.clock_s))
        if done < runs:
            time.sleep(PAUSE_S)
    return attempt


def _warm_up(sessions: Mapping[str, ort.InferenceSession], batch: Arrays) -> None:
    end = time.monotonic() + WARM_UP_S
    for run in range(10 * WARM_UP_RUNS):
        if run >= WARM_UP_RUNS and time.monotonic() > end:
            return
        for session in sessions.values():
            session.run(None, batch)


def _run_s(session: ort.InferenceSession, batch: Arrays) -> float:
    start = time.perf_counter()
    session.run(None, batch)
    return time.perf_counter() - start


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _measurements(
    seconds: list[float], batch_size: int, *, contended: bool
) -> tuple[Measurement, Measurement]:
    milliseconds = np.array(seconds) * 1000
    low, median, high = np.quantile(milliseconds, [0.025, 0.5, 0.975])
    latency = Measurement(
        metric="latency_ms",
        value=float(median),
        unit="ms",
        batch_size=batch_size,
        spread=Interval(low=float(low), high=float(high)),
        samples=tuple(round(float(one), 6) for one in milliseconds),
        contended=contended,
    )
    throughput = Measurement(
        metric="throughput_per_s",
        value=batch_size * 1000 / float(median),
        unit="1/s",
        batch_size=batch_size,
        contended=contended,
    )
    return latency, throughput
