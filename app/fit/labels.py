"""Where the task or a training step reads labels, they have to be there and fit the output."""

from collections.abc import Iterator

from app.fit.known import KnownFacts
from app.fit.task import every_task, judged_output
from app.fit.words import shape_text
from lathe.errors import DataMismatch, Refused
from lathe.facts import Dim, FieldSpec, IoSpec, TensorSpec
from lathe.job import JobSpec
from lathe.task import FurtherTask, OneTask
from lathe.techniques import AnyStep
from lathe.techniques.lessons import reads_labels, trainings
from lathe.techniques.train import Taught

_LABELLED = frozenset({"classification", "regression", "similarity"})


def label_refusals(spec: JobSpec, known: KnownFacts, io: IoSpec) -> list[Refused]:
    """A refusal for each split whose labels are needed and missing or of the wrong kind."""
    return [
        refusal
        for _, task in every_task(spec.task)
        for refusal in _refusals(spec, task, known, io)
    ]


def _refusals(spec: JobSpec, task: OneTask, known: KnownFacts, io: IoSpec) -> Iterator[Refused]:
    output = judged_output(task, io)
    if task.kind not in _LABELLED or output is None:
        return
    readers = {"evaluation": f"a {task.kind} task", "train": _training_reader(spec)}
    for purpose, split in spec.data.splits():
        facts, reader = known.datasets.get(split.dataset), readers.get(purpose)
        held = facts.split(split.split) if facts else None
        if held is None or reader is None:
            continue
        named = f"label/{output.name}"
        label = held.field(named)
        if not isinstance(task, FurtherTask):
            named, label = "label", held.field("label") or label
        if label is None:
            yield DataMismatch(
                f"the split {held.name!r} has no array {named!r}, which {reader} reads; add it",
                param=f"data.{purpose}",
            )
            continue
        for why in _wrong(task.kind, label, output):
            yield DataMismatch(f"{held.name}/{label.name} {why}", param=f"data.{purpose}")


def trains_on_the_task(step: AnyStep) -> bool:
    """Whether the step follows the task's own loss, and not a teacher alone."""
    return "loss" in step.looks_at or any(
        reads_labels(training) for _, training in trainings(step)
    )


def _training_reader(spec: JobSpec) -> str | None:
    step = next((step for step in spec.pipeline if trains_on_the_task(step)), None)
    if isinstance(step, Taught):
        return f"{step.technique} with a loss.hard above 0"
    return step.technique if step else None


def _wrong(kind: str, label: FieldSpec, output: TensorSpec) -> Iterator[str]:
    if kind == "classification":
        yield from _wrong_class(label, output)
    elif label.dtype in {"bool", "string"}:
        yield f"is {label.dtype}; a {kind} task needs numbers"
    elif kind == "similarity" and label.shape not in {(), (1,)}:
        yield f"has the shape {shape_text(label.shape)}; give one number for each pair"
    elif kind == "regression" and not _same_count(label.shape, output.shape[1:]):
        yield (
            f"has the shape {shape_text(label.shape)}, the output {output.name!r} "
            f"{shape_text(output.shape[1:])}; give one target for each value"
        )


def _wrong_class(label: FieldSpec, output: TensorSpec) -> Iterator[str]:
    if not label.dtype.startswith(("int", "uint")):
        yield f"is {label.dtype}; a classification needs class numbers, stored as integers"
        return
    if output.dtype.startswith(("int", "uint")):
        return  # the output is a class number itself
    fits, classes = _classes(label.shape, output.shape)
    if not fits:
        yield (
            f"has the shape {shape_text(label.shape)}, which does not fit the output "
            f"{output.name!r} of {shape_text(output.shape[1:])}: labels have its shape "
            "without its class axis"
        )
        return
    low, high = label.minimum, label.maximum
    if low is not None and low < 0:
        yield f"has the class number {low:g}; class numbers start at 0"
    if high is not None and classes is not None and high >= classes:
        yield (
            f"has the class number {high:g}, but the output {output.name!r} has {classes} "
            f"classes, 0 to {classes - 1}; map the labels or choose another task.output"
        )


def _classes(label: tuple[int, ...], output: tuple[Dim, ...]) -> tuple[bool, int | None]:
    """Whether labels are the output without one axis (the second or the last), and its size."""
    plain = () if label == (1,) else label  # a column of labels counts as a list
    for axis in (1, len(output) - 1):
        if len(output) < 2:  # noqa: PLR2004 - batch and classes
            break
        rest = output[1:axis] + output[axis + 1 :]
        if len(rest) == len(plain) and all(
            not isinstance(dim, int) or dim == size
            for dim, size in zip(rest, plain, strict=True)
        ):
            size = output[axis]
            return True, size if isinstance(size, int) else None
    return False, None


def _same_count(label: tuple[int, ...], output: tuple[Dim, ...]) -> bool:
    """Whether an example has as many targets as values; unknown axes fit anything."""
    targets, values = 1, 1
    for size in label:
        targets *= size
    for dim in output:
        if not isinstance(dim, int):
            return True
        values *= dim
    return targets == values
