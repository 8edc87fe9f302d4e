"""Every split has to hold an array for each model input, of a type and shape it takes."""

from collections.abc import Iterator

from app.fit.known import KnownFacts
from app.fit.words import listed, shape_text, suggestion
from lathe.errors import DataMismatch, Refused
from lathe.facts import DatasetFacts, FieldSpec, IoSpec, SplitFacts, TensorSpec, Transform
from lathe.job import JobSpec

_AS_STORED = Transform()
_FLOATS = frozenset({"float16", "float32", "float64", "bfloat16"})
_STORED_FLOATS = _FLOATS - {"bfloat16"}
_INTEGERS = {  # the least and the largest value
    "uint8": (0, 2**8 - 1), "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1),
    "int8": (-(2**7), 2**7 - 1), "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1),
}  # fmt: skip


def input_refusals(spec: JobSpec, known: KnownFacts, io: IoSpec) -> list[Refused]:
    """A refusal for each split that is not there, is too small, or feeds an input wrongly."""
    found: list[Refused] = []
    for purpose, split in spec.data.splits():
        facts = known.datasets.get(split.dataset)
        if facts is None:  # said already: it is missing, pending or rejected
            continue
        where = f"data.{purpose}"
        held = facts.split(split.split)
        if held is None:
            offered = [each.name for each in facts.splits]
            found.append(
                DataMismatch(
                    f"the data set has no split {split.split!r}; "
                    f"{suggestion(split.split, offered)}",
                    param=f"{where}.split",
                )
            )
            continue
        if held.examples == 0:
            found.append(
                DataMismatch(
                    f"the split {held.name!r} has no examples; upload some", param=where
                )
            )
            continue
        if split.samples is not None and split.samples > held.examples:
            found.append(
                DataMismatch(
                    f"the split {held.name!r} has {held.examples} examples; ask for at most "
                    "as many",
                    param=f"{where}.samples",
                )
            )
        for side in _sides(spec, purpose, held, io):
            found += _side_refusals(where, facts, held, side, io)
    return found


def _sides(spec: JobSpec, purpose: str, split: SplitFacts, io: IoSpec) -> tuple[str, ...]:
    """The folders of a split that are read: `a/` and `b/` of pairs, else the split itself.

    A split is of pairs when it has side a of the first input. Only evaluation reads side b.
    """
    paired = any(split.field(f"a/{tensor.name}") for tensor in io.inputs[:1])
    if purpose != "evaluation":
        return ("a/",) if paired else ("",)
    similarity = spec.task is not None and spec.task.kind == "similarity"
    return ("a/", "b/") if similarity or (paired and spec.task is None) else ("",)


def _side_refusals(
    where: str, facts: DatasetFacts, split: SplitFacts, side: str, io: IoSpec
) -> Iterator[Refused]:
    sizes: dict[str, int] = {}
    for tensor in io.inputs:
        field = split.field(side + tensor.name)
        if field is None:
            yield DataMismatch(
                f"the split {split.name!r} has no array {side + tensor.name!r} for the model's "
                f"input; it has {listed(each.name for each in split.fields)}: name one so",
                param=where,
            )
            continue
        transform = facts.transforms.get(tensor.name, _AS_STORED)
        why = _wrong_type(field, tensor) or _wrong_shape(field, tensor, transform, sizes)
        if why is not None:
            yield DataMismatch(f"{split.name}/{field.name} {why}", param=where)


def _wrong_type(field: FieldSpec, tensor: TensorSpec) -> str | None:
    takes = f"the model's input is {tensor.dtype}"
    if tensor.dtype in _FLOATS:
        if field.dtype in _STORED_FLOATS or field.dtype in _INTEGERS:
            return None
        return f"is {field.dtype}, {takes}; store floats, or uint8 with a transform"
    if tensor.dtype in _INTEGERS and field.dtype in _INTEGERS:
        low, high = _INTEGERS[tensor.dtype]
        if (field.minimum or 0) < low or (field.maximum or 0) > high:
            return (
                f"runs from {field.minimum:g} to {field.maximum:g}, {takes}; "
                "store values it can hold"
            )
        return None
    if field.dtype == tensor.dtype or (tensor.dtype == "bool" and field.dtype == "uint8"):
        return None
    return f"is {field.dtype}, {takes}; store that type"


def _wrong_shape(
    field: FieldSpec, tensor: TensorSpec, transform: Transform, sizes: dict[str, int]
) -> str | None:
    """`sizes` collects what the named axes turned out to be, over all inputs of one side."""
    if not tensor.shape:
        return "cannot be fed: the model's input has no batch axis; export it with one"
    wanted, stored = tensor.shape[1:], field.shape
    seen = (stored[-1], *stored[:-1]) if transform.layout == "nhwc" and stored else stored
    if len(seen) != len(wanted):
        return _shapes(field, tensor, seen)
    for size, dim in zip(seen, wanted, strict=True):
        expected = sizes.setdefault(dim, size) if isinstance(dim, str) else dim
        if expected is not None and size != expected:
            return _shapes(field, tensor, seen)
    for numbers in (transform.mean, transform.std):
        if len(numbers) > 1 and len(numbers) not in (seen[:1] + seen[-1:]):
            return (
                f"has a transform for {len(numbers)} channels, but an example is "
                f"{shape_text(seen)}; give one number, or one a channel"
            )
    return None


def _shapes(field: FieldSpec, tensor: TensorSpec, seen: tuple[int, ...]) -> str:
    after = f", {shape_text(seen)} after its transform" if seen != field.shape else ""
    return (
        f"holds examples of the shape {shape_text(field.shape)}{after}; the model's input "
        f"{tensor.name!r} takes {shape_text(tensor.shape[1:])}; store them in that shape"
    )
