"""Timing baseline and candidates in turns at every batch size, and their peak memory."""

from collections.abc import Mapping
from pathlib import Path

from lathe.job import Benchmark
from lathe.report import Measurement
from worker.engine.context import Arrays
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.measure.memory import peak_memory
from worker.engine.measure.timing import time_files
from worker.engine.onnx_file.read import read_model
from worker.engine.run.desk import Desk
from worker.engine.run.examples import example_inputs
from worker.engine.run.materials import Materials
from worker.engine.run.subject import BASELINE, Subject
from worker.wire import Compress

TRIAL_RUNS = 30  # to tell which of two baseline files is faster
CONTENDED = (
    "Other work used the CPU while the files were timed, so no speed-up is claimed where a "
    "latency is marked contended; run the job again on a quieter machine."
)
RunningCosts = dict[str, tuple[Measurement, ...]]


def running_costs(
    task: Compress, materials: Materials, subjects: Mapping[str, Subject], desk: Desk
) -> tuple[RunningCosts, tuple[str, ...]]:
    """Measurements by candidate id, the baseline's among them, and what to warn about.

    Latency and throughput come at every batch size, peak memory at the first. Both are empty
    without a benchmark.
    """
    benchmark = task.spec.benchmark
    if benchmark is None:
        return {}, ()
    sizes, warnings = batch_sizes(task, benchmark)
    model = read_model(desk.inside / task.model.canonical)
    inputs = {
        size: example_inputs(model, materials.any_samples, size, seed=task.spec.seed)
        for size in sizes
    }
    first = {sizes[0]: inputs[sizes[0]]}
    files = {name: subject.path for name, subject in subjects.items()}
    files[BASELINE] = _baseline(task, benchmark, files[BASELINE], first, desk)
    costs = time_files(
        files,
        inputs,
        runs=benchmark.runs,
        threads=benchmark.threads,
        lock=desk.lock,
        progress=desk.listener("timing"),
    )
    if any(one.contended for found in costs.values() for one in found):
        warnings = (*warnings, CONTENDED)
    with desk.working("measuring memory"):
        for name, path in files.items():
            peak = peak_memory(path, inputs[sizes[0]], threads=benchmark.threads)
            costs[name] += (peak.model_copy(update={"batch_size": sizes[0]}),)
    return costs, warnings


def _baseline(
    task: Compress,
    benchmark: Benchmark,
    canonical: Path,
    inputs: Mapping[int, Arrays],
    desk: Desk,
) -> Path:
    """The faster of the canonical and, where there is one that runs, the uploaded file: it may
    be of a newer format than this runtime's, which becoming canonical has mended."""
    if task.baseline.uploaded is None:
        return canonical
    files = {"canonical": canonical, "uploaded": desk.inside / task.baseline.uploaded}
    runs = min(TRIAL_RUNS, benchmark.runs)
    try:
        timed = time_files(files, inputs, runs=runs, threads=benchmark.threads, lock=desk.lock)
    except LOAD_ERRORS:
        return canonical
    return files[min(files, key=lambda name: timed[name][0].value)]


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
