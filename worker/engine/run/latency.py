"""Timing baseline and candidates in turns, at every batch size of the job."""

from collections.abc import Mapping
from pathlib import Path

import onnx

from lathe.job import Benchmark
from lathe.report import Measurement
from worker.engine.run.desk import Desk
from worker.engine.run.examples import example_inputs
from worker.engine.run.materials import Materials
from worker.engine.run.subject import BASELINE, Subject
from worker.engine.timing import time_files
from worker.wire import Compress

TRIAL_RUNS = 30  # to tell which of two baseline files is faster
CONTENDED = (
    "Other work used the CPU while the files were timed, so no speed-up is claimed where a "
    "latency is marked contended; run the job again on a quieter machine."
)
Timings = dict[str, tuple[Measurement, ...]]


def latencies(
    task: Compress, materials: Materials, subjects: Mapping[str, Subject], desk: Desk
) -> tuple[Timings, tuple[str, ...]]:
    """Measurements by candidate id, the baseline's among them, and what to warn about.

    The baseline is the faster of the uploaded and the canonical file. Both are empty without
    a benchmark.
    """
    benchmark = task.spec.benchmark
    if benchmark is None:
        return {}, ()
    sizes, warnings = batch_sizes(task, benchmark)
    model = onnx.load(desk.inside / task.model.canonical)
    inputs = {
        size: example_inputs(model, materials.any_samples, size, seed=task.spec.seed)
        for size in sizes
    }
    files = {name: subject.path for name, subject in subjects.items()}
    first = {sizes[0]: inputs[sizes[0]]}
    if task.baseline.uploaded is not None:
        trial = {
            "canonical": files[BASELINE],
            "uploaded": desk.inside / task.baseline.uploaded,
        }
        runs = min(TRIAL_RUNS, benchmark.runs)
        tried = time_files(trial, first, runs=runs, threads=benchmark.threads, lock=desk.lock)
        files[BASELINE] = _faster(trial, tried)
    timed = time_files(
        files,
        inputs,
        runs=benchmark.runs,
        threads=benchmark.threads,
        lock=desk.lock,
        progress=desk.listener("timing"),
    )
    if any(one.contended for found in timed.values() for one in found):
        warnings = (*warnings, CONTENDED)
    return timed, warnings


def batch_sizes(
    task: Compress, benchmark: Benchmark
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The sizes that can be timed, each once, and a warning where the upload fixes its own."""
    asked = tuple(dict.fromkeys(benchmark.batch_sizes))
    shape = task.model.facts.io.inputs[0].shape
    if not shape or not isinstance(shape[0], int) or asked == (shape[0],):
        return asked, ()
    left_out = ", ".join(str(size) for size in asked if size != shape[0])
    warning = (
        f"The model fixes its batch size at {shape[0]}, so {left_out} could not be timed; "
        "export it with a symbolic batch axis for that."
    )
    return (shape[0],), (warning,)


def _faster(files: Mapping[str, Path], timed: Mapping[str, tuple[Measurement, ...]]) -> Path:
    """The file with the smaller median latency."""
    return files[min(files, key=lambda name: timed[name][0].value)]
