"""Baseline, teachers and a student have to have the model's own doors."""

from app.fit.known import KnownFacts, named_models
from app.fit.words import listed, shape_text
from lathe.errors import InvalidSpec, Refused
from lathe.facts import Dim, IoSpec, TensorSpec
from lathe.job import JobSpec


def io_refusals(spec: JobSpec, known: KnownFacts, io: IoSpec) -> list[Refused]:
    """A refusal for each other model of the spec that takes or gives something else."""
    found: list[Refused] = []
    for param, model_id in named_models(spec).items():
        other = known.models.get(model_id)
        if other is None or model_id == spec.model:
            continue
        why = _difference("input", io.inputs, other.io.inputs) or _difference(
            "output", io.outputs, other.io.outputs
        )
        if why is None and model_id == spec.student:
            why = _narrower(io.inputs, other.io.inputs)
        if why is not None:
            found.append(
                InvalidSpec(
                    f"this model cannot stand beside the job's model: {why}; "
                    "choose one with the same inputs and outputs",
                    param=param,
                )
            )
    return found


def _difference(
    kind: str, ours: tuple[TensorSpec, ...], theirs: tuple[TensorSpec, ...]
) -> str | None:
    by_name = {tensor.name: tensor for tensor in theirs}
    if {tensor.name for tensor in ours} != by_name.keys():
        return f"its {kind}s are {listed(by_name)}, the model's are " + listed(
            tensor.name for tensor in ours
        )
    for tensor in ours:
        other = by_name[tensor.name]
        if tensor.dtype != other.dtype:
            return f"its {kind} {tensor.name!r} is {other.dtype}, the model's is {tensor.dtype}"
        if not _compatible(tensor.shape, other.shape):
            return (
                f"its {kind} {tensor.name!r} is {shape_text(other.shape)}, "
                f"the model's is {shape_text(tensor.shape)}"
            )
    return None


def _narrower(ours: tuple[TensorSpec, ...], theirs: tuple[TensorSpec, ...]) -> str | None:
    """Where the model takes any size and what stands in its place does not."""
    by_name = {tensor.name: tensor for tensor in theirs}
    for tensor in ours:
        other = by_name[tensor.name]
        for mine, fixed in zip(tensor.shape[1:], other.shape[1:], strict=True):
            if isinstance(fixed, int) and not isinstance(mine, int):
                return (
                    f"its input {tensor.name!r} is {shape_text(other.shape)} and the model's "
                    f"{shape_text(tensor.shape)}, so it takes less"
                )
    return None


def _compatible(ours: tuple[Dim, ...], theirs: tuple[Dim, ...]) -> bool:
    """Whether shapes can agree: the batch axis, names and unknown sizes fit anything."""
    return len(ours) == len(theirs) and all(
        a == b or not isinstance(a, int) or not isinstance(b, int)
        for a, b in zip(ours[1:], theirs[1:], strict=True)
    )
