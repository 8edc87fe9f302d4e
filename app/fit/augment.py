"""Augmentation changes images: inputs of floats with an axis each for examples, channels,
rows and columns."""

from collections.abc import Iterator

from app.fit.words import listed, shape_text, suggestion
from lathe.errors import Refused, StepImpossible
from lathe.facts import IoSpec, TensorSpec
from lathe.job import JobSpec
from lathe.techniques.augment import Augment
from lathe.techniques.lessons import trainings

_IMAGE_AXES = 4


def augment_refusals(spec: JobSpec, io: IoSpec) -> list[Refused]:
    """A refusal for each augmentation of something that is no image."""
    if spec.data.train is None:  # nothing is trained, so nothing is changed
        return []
    return [
        refusal
        for index, step in enumerate(spec.pipeline)
        for place, training in trainings(step)
        if training.augment is not None
        for refusal in _refusals(f"pipeline.{index}.{place}augment", training.augment, io)
    ]


def _refusals(where: str, augment: Augment, io: IoSpec) -> Iterator[Refused]:
    offered = {tensor.name: tensor for tensor in io.inputs}
    for place, name in enumerate(augment.inputs):
        param = f"{where}.inputs.{place}"
        if name not in offered:
            hint = suggestion(name, list(offered))
            yield StepImpossible(f"the model has no input {name!r}; {hint}", param=param)
        elif not _is_image(offered[name]):
            tensor = offered[name]
            yield StepImpossible(
                f"the input {name!r} is {tensor.dtype} {shape_text(tensor.shape)}; only images "
                "of floats, rank 4 with the batch, can be augmented",
                param=param,
            )
    if not augment.inputs and not any(_is_image(tensor) for tensor in io.inputs):
        yield StepImpossible(
            "augment changes images of floats, rank 4 with the batch, and the model takes "
            f"{listed(offered)}; leave it out",
            param=where,
        )


def _is_image(tensor: TensorSpec) -> bool:
    return len(tensor.shape) == _IMAGE_AXES and tensor.dtype in {
        "float16",
        "float32",
        "float64",
    }
