"""The proof of a job: verdict, report and the files that are handed over."""

from collections.abc import Iterator
from pathlib import Path

from lathe.confusion import Confusions
from lathe.errors import Failure
from lathe.job import JobSpec
from lathe.report import GroupScore, LayerReport, Report, Verdict
from lathe.spec_version import version_of
from worker.engine.checkpoint import Checkpoint, load
from worker.engine.measure.confusion import confusions
from worker.engine.measure.environment import environment
from worker.engine.measure.judgement import Classified
from worker.engine.measure.noise import Heard, noise_curve
from worker.engine.onnx_file.bundle import SUFFIX
from worker.engine.onnx_file.read import read_model
from worker.engine.run.artifact import write_artifact
from worker.engine.run.artifact_name import artifact_name
from worker.engine.run.candidates import Measured
from worker.engine.run.desk import Desk
from worker.engine.run.layers_report import layer_reports
from worker.engine.run.materials import Materials
from worker.engine.run.papers import papers
from worker.engine.run.scores import class_scores, group_scores, worst_classes
from worker.engine.run.sentence import cut_short
from worker.engine.run.steps import Ran
from worker.engine.run.subject import BASELINE, Subject
from worker.engine.run.verdict import decide
from worker.wire import Compress, Compressed, OutFile

ONNX_TYPE, TAR_TYPE = "application/octet-stream", "application/x-tar"
PACKED_TYPE = "application/vnd.lathe.packed"


def proof(
    task: Compress, materials: Materials, ran: Ran, measured: Measured, desk: Desk
) -> Compressed:
    """Decide, look closer at the best candidate, and write the report in every form."""
    spec = task.spec
    verdict = _verdict(spec, measured, ran.failure)
    state = next(state for state in ran.states if state.step == verdict.best)
    checkpoint = load(state.checkpoint)
    names = _class_names(task)
    classes, groups = _scores(spec, materials, measured, verdict.best, names)
    heard = _noise(task, materials, measured, verdict.best, desk)
    threads = spec.benchmark.threads if spec.benchmark else task.threads
    report = Report(
        spec=spec,
        verdict=verdict,
        baseline=measured.baseline,
        candidates=measured.candidates,
        steps=ran.reports,
        layers=_layers(task, materials, checkpoint, measured.subjects[verdict.best], desk),
        classes=classes,
        groups=groups,
        worst_classes=worst_classes(classes),
        confusions=_confusions(measured, verdict.best, names),
        noise=() if heard is None else heard.points,
        noise_check=None if heard is None else heard.check,
        environment=environment(threads=threads, device=task.device, seed=spec.seed).model_copy(
            update={"spec_version": version_of(spec)}
        ),
        warnings=(*_shared_data(spec), *measured.warnings),
        failure=ran.failure,
    )
    files = [
        file
        for candidate in measured.candidates
        for file in _files(measured.subjects[candidate.id])
    ]
    files += _other_outputs(task, checkpoint, verdict.best, desk)
    return Compressed(
        report=report, io=task.model.facts.io, files=(*files, *papers(report, desk.out))
    )


def _verdict(spec: JobSpec, measured: Measured, failure: Failure | None) -> Verdict:
    verdict = decide(spec, measured.baseline, measured.candidates)
    if failure is None:
        return verdict
    said = f"{verdict.sentence} {cut_short(spec, verdict.best, failure)}"
    return verdict.model_copy(update={"sentence": said})


def _layers(
    task: Compress,
    materials: Materials,
    checkpoint: Checkpoint,
    best: Subject,
    desk: Desk,
) -> tuple[LayerReport, ...]:
    """Against the canonical form of the job's own model, also where the baseline is another;
    against that of the student where one took its place. What a student's layers said before
    it was taught is no measure for what they say now, so no samples are shown to it."""
    student = task.spec.student
    own = task.model if student is None else task.teachers[student]
    original = read_model(desk.inside / own.canonical)
    with desk.working("comparing layers"):
        return layer_reports(
            original,
            checkpoint.model,
            materials.any_samples if student is None else None,
            best.runs_as.layers if best.runs_as else {},
            threads=task.threads,
        )


def _scores(
    spec: JobSpec,
    materials: Materials,
    measured: Measured,
    best: str,
    names: tuple[str, ...],
) -> tuple[tuple[GroupScore, ...], tuple[GroupScore, ...]]:
    """Of classes and of groups."""
    if spec.task is None or best not in measured.evaluations:
        return (), ()
    before, after = measured.evaluations[BASELINE], measured.evaluations[best]
    grouped = materials.groups
    groups = () if grouped is None else group_scores(grouped, spec.task.measured, before, after)
    return class_scores(before, after, names), groups


def _class_names(task: Compress) -> tuple[str, ...]:
    """As the evaluation's data set calls them."""
    judged = task.spec.data.evaluation
    return () if judged is None else task.datasets[judged.dataset].facts.classes


def _confusions(measured: Measured, best: str, names: tuple[str, ...]) -> Confusions | None:
    """None for a task without classes."""
    if best not in measured.evaluations:
        return None
    before = measured.evaluations[BASELINE].judgement
    after = measured.evaluations[best].judgement
    if not isinstance(before, Classified) or not isinstance(after, Classified):
        return None
    return confusions(before, after, names)


def _noise(
    task: Compress, materials: Materials, measured: Measured, best: str, desk: Desk
) -> Heard | None:
    if task.spec.task is None or materials.evaluation is None:
        return None
    with desk.working("evaluating under noise") as progress:
        return noise_curve(
            measured.subjects[BASELINE].path,
            measured.subjects[best].path,
            materials.evaluation,
            task.spec.task,
            seed=task.spec.seed,
            threads=task.threads,
            macs=measured.subjects[BASELINE].counts.macs,
            progress=progress,
        )


def _shared_data(spec: JobSpec) -> list[str]:
    """Whether something was chosen on what is judged."""
    judged = spec.data.evaluation
    return [
        f"The {purpose} and the evaluation examples come from one split, so the scores look "
        "better than they would on unseen examples."
        for purpose, split in spec.data.splits()
        if judged is not None
        and purpose != "evaluation"
        and (split.dataset, split.split) == (judged.dataset, judged.split)
    ]


def _other_outputs(
    task: Compress, checkpoint: Checkpoint, best: str, desk: Desk
) -> list[OutFile]:
    """The best candidate at every further opset that was asked for."""
    files = []
    for output in task.spec.onnx_outputs[1:]:
        path = desk.out / artifact_name(task.spec, best, output.opset)
        written = write_artifact(checkpoint.model, task.model.facts.io, output, path)
        files.append(_onnx(written.path, best))
    return files


def _files(subject: Subject) -> Iterator[OutFile]:
    """What is handed over of one candidate: the file that was measured, and the same packed."""
    yield _onnx(subject.path, subject.id)
    if subject.packed is not None:
        name = subject.packed.file
        yield OutFile(
            file=name, kind="packed", name=name, media_type=PACKED_TYPE, candidate=subject.id
        )


def _onnx(path: Path, candidate: str) -> OutFile:
    return OutFile(
        file=path.name,
        kind="onnx",
        name=path.name,
        media_type=TAR_TYPE if path.suffix == SUFFIX else ONNX_TYPE,
        candidate=candidate,
    )
