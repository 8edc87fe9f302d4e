"""Measuring what is downloaded: baseline and candidates as files, under one harness.

Quality is judged on the same examples for every file, latency timed in turns in one process
run. A candidate's comparisons are with the baseline of the same run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from lathe.job import JobSpec
from lathe.limits import bare, of_task
from lathe.report import Candidate, Comparison, Measurement
from worker.engine.checkpoint import load
from worker.engine.measure.compare import compare_cost, compare_latency, compare_quality
from worker.engine.measure.evaluate import Evaluation, evaluate
from worker.engine.run.artifact import write_artifact
from worker.engine.run.artifact_name import artifact_name, packed_name
from worker.engine.run.desk import Desk
from worker.engine.run.materials import Materials
from worker.engine.run.packing import packed_artifact
from worker.engine.run.running_costs import running_costs
from worker.engine.run.steps import State
from worker.engine.run.subject import BASELINE, Subject
from worker.engine.run.verdict import judged
from worker.wire import Compress

UNITS = {"psnr_db": "dB", "sqnr_db": "dB"}
FRACTIONS = ("accuracy", "agreement", "f1_macro", "precision_macro", "recall_macro")


@dataclass(frozen=True, slots=True)
class Measured:
    """`candidates` are judged and in step order; `evaluations` and `subjects` are keyed by
    candidate id, the baseline's among them."""

    baseline: Candidate
    candidates: tuple[Candidate, ...]
    evaluations: dict[str, Evaluation]
    subjects: dict[str, Subject]
    warnings: tuple[str, ...]


def measure(
    task: Compress, materials: Materials, states: tuple[State, ...], desk: Desk
) -> Measured:
    """Write the file of every state (the last alone without `benchmark.every_step`), then
    evaluate and time it beside the baseline."""
    spec = task.spec
    every = spec.benchmark is not None and spec.benchmark.every_step
    chosen = states if every else states[-1:]
    baseline = Subject.baseline(
        desk.inside / task.baseline.canonical, task.baseline.facts, task.baseline.uploaded_bytes
    )
    subjects = {BASELINE: baseline} | {
        state.step: _subject(task, state, desk) for state in chosen
    }
    evaluations = _evaluations(task, materials, subjects, desk)
    timed, warnings = running_costs(task, materials, subjects, desk)
    files = {
        name: _candidate(subject, evaluations.get(name), timed.get(name, ()))
        for name, subject in subjects.items()
    }
    compared = (
        files[state.step].model_copy(
            update={
                "against_baseline": tuple(
                    _comparisons(spec, subjects, state.step, evaluations, timed)
                )
            }
        )
        for state in chosen
    )
    candidates = tuple(judged(spec, files[BASELINE], candidate) for candidate in compared)
    return Measured(files[BASELINE], candidates, evaluations, subjects, warnings)


def _subject(task: Compress, state: State, desk: Desk) -> Subject:
    spec = task.spec
    checkpoint = load(state.checkpoint)
    output = spec.onnx_outputs[0]
    path = desk.out / artifact_name(spec, state.step, output.opset)
    written = write_artifact(checkpoint.model, task.model.facts.io, output, path)
    packed = None
    if spec.packing is not None and state.step == spec.step_id(len(spec.pipeline) - 1):
        with desk.working("packing", state.step):
            packed = packed_artifact(
                written,
                checkpoint.traits,
                desk.out / packed_name(spec, state.step),
                profile=spec.packing.profile,
            )
    return Subject.candidate(state.step, written, state.counts, packed)


def _evaluations(
    task: Compress, materials: Materials, subjects: Mapping[str, Subject], desk: Desk
) -> dict[str, Evaluation]:
    """By candidate id; empty without a task."""
    if task.spec.task is None or materials.evaluation is None:
        return {}
    made = {}
    for name, subject in subjects.items():
        with desk.working(f"evaluating {name}") as progress:
            every = partial(
                evaluate,
                subject.path,
                reference=subjects[BASELINE].path,
                threads=task.threads,
                progress=progress,
            )
            first = every(materials.evaluation, task.spec.task)
            also = {
                one.name: every(materials.evaluation_of[one.name], one)
                for one in task.spec.task.also
            }
            made[name] = replace(first, also=also)
    return made


def _candidate(
    subject: Subject, evaluation: Evaluation | None, timed: tuple[Measurement, ...]
) -> Candidate:
    scores = {} if evaluation is None else dict(evaluation.scores)
    for task, further in (evaluation.also if evaluation else {}).items():
        scores |= {of_task(task, metric): value for metric, value in further.scores.items()}
    quality = [
        Measurement(metric=metric, value=value, unit=_unit(bare(metric)))
        for metric, value in scores.items()
    ]
    return Candidate(
        id=subject.id,
        file=subject.path.name,
        sha256=subject.sha256,
        measurements=(*subject.costs(), *timed, *quality),
        float_operators=subject.runs_as.float_operators if subject.runs_as else {},
        packed=subject.packed,
    )


def _unit(metric: str) -> str:
    return "fraction" if metric in FRACTIONS else UNITS.get(metric, "")


def _comparisons(
    spec: JobSpec,
    subjects: Mapping[str, Subject],
    name: str,
    evaluations: Mapping[str, Evaluation],
    timed: Mapping[str, tuple[Measurement, ...]],
) -> Iterator[Comparison]:
    """Size first, then latency in the order of the batch sizes, then quality, then the rest."""
    before, after = subjects[BASELINE], subjects[name]
    yield compare_cost("size_bytes", before.size_bytes, after.size_bytes)
    if after.packed is not None:
        ratio = compare_cost("size_bytes", before.size_bytes, after.packed.size_bytes)
        yield ratio.model_copy(update={"of": "packed"})
    for old, new in zip(timed.get(BASELINE, ()), timed.get(name, ()), strict=True):
        if new.metric == "latency_ms":
            yield compare_latency(old, new, seed=spec.seed)
        elif new.metric == "peak_memory_bytes" and old.value:
            ratio = compare_cost(new.metric, old.value, new.value)
            yield ratio.model_copy(update={"batch_size": new.batch_size})
    if evaluations:
        yield from _quality(evaluations[BASELINE], evaluations[name], spec.seed)
    if before.counts.parameters and after.counts.parameters is not None:
        yield compare_cost("parameters", before.counts.parameters, after.counts.parameters)
    if before.counts.macs and after.counts.macs is not None:
        yield compare_cost("macs", before.counts.macs, after.counts.macs)


def _quality(before: Evaluation, after: Evaluation, seed: int) -> Iterator[Comparison]:
    """Every metric of the first task, then of the further ones."""
    for metric in after.scores:
        yield compare_quality(metric, before, after, seed=seed)
    for name, further in after.also.items():
        for found in _quality(before.also[name], further, seed):
            yield found.model_copy(update={"metric": of_task(name, found.metric)})
