"""An uploaded data set becomes one memory-mappable safetensors file, or a named refusal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from lathe.errors import InvalidSpec, NotADataset
from lathe.facts import DatasetFacts, FieldSpec, SplitFacts, Transform
from worker.engine.intake.archive import ArchiveDamagedError, ArchiveRefusedError
from worker.engine.intake.array_source import ArraySource
from worker.engine.intake.array_stream import Range
from worker.engine.intake.file_kind import file_kind
from worker.engine.intake.npy_header import BadArrayError
from worker.engine.intake.npz_source import open_npz
from worker.engine.intake.split_names import split_and_field
from worker.engine.intake.tensor_file import DamagedTensorFileError, write_tensors
from worker.engine.intake.tensor_source import open_tensor_file
from worker.wire import Limits

HOW = (
    "save the arrays with numpy.savez_compressed or safetensors.numpy.save_file, named "
    "'<split>/<input>' and '<split>/label'"
)
PAIR_SIDES = {"a", "b"}


def inspect_dataset(
    upload: Path, out: Path, transforms: dict[str, Transform], limits: Limits
) -> DatasetFacts:
    """Write the arrays of an .npz or .safetensors file to `out`, one after the other.

    Never holds an array whole. Raises NotADataset, InvalidSpec for a transform that fits
    no array, and then leaves no file.
    """
    part = out.with_name(out.name + ".part")
    try:
        with _refusals(), _opened(upload, part, limits) as (data_format, sources):
            splits = _splits(sources)
            _check_transforms(transforms, splits)
            ranges = {name: Range() for name in sources}
            write_tensors(
                part,
                {name: (source.dtype, source.shape) for name, source in sources.items()},
                {name: _bytes(name, source, ranges[name]) for name, source in sources.items()},
            )
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return DatasetFacts(
        format=data_format,
        splits=tuple(_split_facts(s, names, sources, ranges) for s, names in splits.items()),
        transforms=transforms,
    )


Opened = tuple[Literal["npz", "safetensors"], dict[str, ArraySource]]


@contextmanager
def _opened(upload: Path, part: Path, limits: Limits) -> Iterator[Opened]:
    match file_kind(upload):
        case "zip":
            with open_npz(upload, part.parent, limits) as sources:
                yield "npz", sources
        case "safetensors":
            with open_tensor_file(upload, limits) as sources:
                yield "safetensors", sources
        case "npy":
            raise NotADataset(f"the file is a single .npy array; {HOW}")
        case "pickle":
            raise NotADataset(f"the file is a Python pickle, which runs code; {HOW}")
        case "empty":
            raise NotADataset("the file is empty; upload it again")
        case kind:
            raise NotADataset(f"the file is {_article(kind)}, not an .npz; {HOW}")


def _article(kind: str) -> str:
    return "in a format that is not known here" if kind == "unknown" else f"of the kind {kind}"


@contextmanager
def _refusals() -> Iterator[None]:
    """Every way in which a file can be bad, as NotADataset."""
    try:
        yield
    except ArchiveRefusedError as error:
        raise NotADataset(f"the .npz is refused: {error}; {HOW}") from error
    except ArchiveDamagedError as error:
        raise NotADataset(
            f"the .npz cannot be read to its end ({error}); upload it again"
        ) from error
    except DamagedTensorFileError as error:
        raise NotADataset(f"the safetensors file is refused: {error}; {HOW}") from error
    except BadArrayError as error:
        raise NotADataset(str(error)) from error


def _splits(sources: Mapping[str, ArraySource]) -> dict[str, list[str]]:
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


def _bytes(name: str, source: ArraySource, seen: Range) -> Iterator[bytes]:
    """The array's bytes in C order; what is wrong with a value is said with its name."""
    try:
        for values in source.values():
            seen.take(values)
            yield values.tobytes()
    except BadArrayError as error:
        raise NotADataset(f"the array {name!r} {error}") from error


def _split_facts(
    split: str,
    names: list[str],
    sources: Mapping[str, ArraySource],
    ranges: Mapping[str, Range],
) -> SplitFacts:
    return SplitFacts(
        name=split,
        examples=sources[names[0]].shape[0],
        fields=tuple(
            FieldSpec(
                name=split_and_field(name)[1],
                dtype=sources[name].dtype,
                shape=sources[name].shape[1:],
                minimum=ranges[name].minimum,
                maximum=ranges[name].maximum,
            )
            for name in sorted(names)
        ),
    )
