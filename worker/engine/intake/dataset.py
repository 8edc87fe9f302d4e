"""An uploaded data set becomes one memory-mappable safetensors file, or a named refusal."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lathe.errors import InvalidSpec, NotADataset
from lathe.facts import DatasetFacts, FieldSpec, SplitFacts, Transform
from lathe.layout import Layout
from worker.engine.intake.archive import ArchiveDamagedError, ArchiveRefusedError
from worker.engine.intake.formats.content import Declared, Piece
from worker.engine.intake.formats.opened import HOW, opened
from worker.engine.intake.formats.seen import Seen
from worker.engine.intake.formats.summarise import summary_of
from worker.engine.intake.npy_header import BadArrayError
from worker.engine.intake.split_names import split_and_field
from worker.engine.intake.tensor_file import (
    ITEM_BYTES,
    DamagedTensorFileError,
    write_tensors,
)
from worker.wire import Limits

PAIR_SIDES = {"a", "b"}


def inspect_dataset(
    upload: Path,
    out: Path,
    transforms: dict[str, Transform],
    limits: Limits,
    layout: Layout | None = None,
) -> DatasetFacts:
    """Write the arrays of an upload to `out`, piece by piece; the facts speak of that file.

    Never holds an array whole. Raises NotADataset, InvalidSpec for a transform or a layout
    that fits nothing, and then leaves no file.
    """
    part = out.with_name(f"{out.name}.part")  # the sandbox lets no file change its folder
    try:
        with TemporaryDirectory(dir=out.parent) as scratch, _refusals():
            with opened(upload, Path(scratch), layout or Layout(), limits) as content:
                splits = _splits(content.arrays)
                _check_size(content.arrays, limits)
                _check_transforms(transforms, splits)
                seen = {name: _seen(name, each) for name, each in content.arrays.items()}
                write_tensors(
                    part,
                    {name: (each.dtype, each.shape) for name, each in content.arrays.items()},
                    _looked_at(content.pieces(), seen),
                )
            part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    facts = tuple(_split_facts(split, names, seen) for split, names in splits.items())
    return DatasetFacts(
        format=content.format,
        splits=facts,
        transforms=transforms,
        classes=content.classes,
        findings=tuple(content.notes.findings),
        summary=summary_of(content, facts, seen),
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """Every way in which a file can be bad, as NotADataset."""
    try:
        yield
    except ArchiveRefusedError as error:
        raise NotADataset(f"the archive is refused: {error}; {HOW}") from error
    except ArchiveDamagedError as error:
        raise NotADataset(
            f"the archive cannot be read to its end ({error}); upload it again"
        ) from error
    except DamagedTensorFileError as error:
        raise NotADataset(f"the safetensors file is refused: {error}; {HOW}") from error
    except BadArrayError as error:
        raise NotADataset(str(error)) from error


def _seen(name: str, declared: Declared) -> Seen:
    label = split_and_field(name)[1] == "label" and declared.dtype.startswith(("int", "uint"))
    return Seen(declared, count_labels=label and math.prod(declared.shape[1:]) == 1)


def _looked_at(
    pieces: Iterator[Piece], seen: Mapping[str, Seen]
) -> Iterator[tuple[str, memoryview]]:
    for name, values in pieces:
        try:
            seen[name].take(values)
        except BadArrayError as error:
            raise BadArrayError(f"the array {name!r} {error}") from error
        yield name, np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def _check_size(arrays: Mapping[str, Declared], limits: Limits) -> None:
    total = sum(math.prod(each.shape) * ITEM_BYTES[each.dtype] for each in arrays.values())
    if total > limits.max_bytes:
        raise NotADataset(
            f"the data unfolds to {total} bytes; {limits.max_bytes} are allowed: store "
            "fewer or smaller examples"
        )


def _splits(sources: Mapping[str, Declared]) -> dict[str, list[str]]:
    """Array names by split; raises NotADataset where names or counts do not fit."""
    if not sources:
        raise NotADataset(f"the file holds no arrays; {HOW}")
    splits: dict[str, list[str]] = {}
    for name in sources:
        split, _ = split_and_field(name)
        splits.setdefault(split, []).append(name)
    for name, source in sources.items():
        if not source.shape or 0 in source.shape:
            raise NotADataset(
                f"the array {name!r} has the shape {source.shape}; the first axis is the "
                "examples, and none may be empty"
            )
    for names in splits.values():
        first = names[0]
        for name in names[1:]:
            counts = sources[first].shape[0], sources[name].shape[0]
            if counts[0] != counts[1]:
                raise NotADataset(
                    f"the arrays {first!r} and {name!r} hold {counts[0]} and {counts[1]} "
                    "examples; give every array of a split one row an example"
                )
    return splits


def _check_transforms(
    transforms: Mapping[str, Transform], splits: Mapping[str, list[str]]
) -> None:
    fields = {split_and_field(name)[1] for names in splits.values() for name in names}
    inputs = {
        f.split("/", 1)[1] if f.split("/")[0] in PAIR_SIDES and "/" in f else f for f in fields
    }
    for name, transform in transforms.items():
        if name not in inputs:
            raise InvalidSpec(
                f"there is a transform for {name!r}, but no array of that name in any split",
                param=f"transforms.{name}",
            )
        if not all(transform.std) or not transform.std or not transform.mean:
            raise InvalidSpec(
                f"the transform for {name!r} needs a mean and a std that is not 0",
                param=f"transforms.{name}",
            )


def _split_facts(split: str, names: list[str], seen: Mapping[str, Seen]) -> SplitFacts:
    return SplitFacts(
        name=split,
        examples=seen[names[0]].declared.shape[0],
        fields=tuple(
            FieldSpec(
                name=split_and_field(name)[1],
                dtype=seen[name].declared.dtype,
                shape=seen[name].declared.shape[1:],
                minimum=seen[name].minimum,
                maximum=seen[name].maximum,
            )
            for name in sorted(names)
        ),
    )
