"""Pictures in an archive, `[<split>/]<class>/<file>`: one array of bytes, and labels.

Classes are the folders' names, sorted as text (as torchvision's ImageFolder and Keras do);
a class's number is its place. Nothing but a header is decoded before all sizes are known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.errors import NotADataset
from lathe.layout import Layout, PictureLayout
from worker.engine.intake.array_stream import CHUNK_BYTES
from worker.engine.intake.formats.classes import class_numbers
from worker.engine.intake.formats.content import Content, Declared, Notes, Piece
from worker.engine.intake.formats.files import SPLITS, below_root, split_order
from worker.engine.intake.formats.holdout import HELD, Draw, check_both, only_split
from worker.engine.intake.formats.picture import Form, Sizes, header, pixels
from worker.engine.intake.formats.window import window
from worker.engine.onnx_file.place import Place


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The pictures of one split; a class for each, or for none."""

    names: list[str]
    classes: list[str]


def content_of_pictures(files: Mapping[str, Place], layout: Layout) -> Content:
    """Raises NotADataset for a broken picture, or sizes that differ, naming the file."""
    shelves = _shelves(files, layout.split)
    if layout.holdout is not None:
        shelves = _divided(shelves, layout.holdout)
    classes = class_numbers(
        {each for shelf in shelves.values() for each in shelf.classes}, layout.classes
    )
    form = _form(files, layout.pictures)
    notes = Notes()
    arrays: dict[str, Declared] = {}
    for split, shelf in shelves.items():
        count = len(shelf.names)
        arrays[f"{split}/{layout.pictures.input}"] = Declared("uint8", (count, *form.shape))
        if shelf.classes:
            arrays[f"{split}/label"] = Declared("int64", (count,))
        for name in shelf.names[:3]:
            notes.sample(split, name)

    def pieces() -> Iterator[Piece]:
        for split, shelf in shelves.items():
            field = f"{split}/{layout.pictures.input}"
            for batch in _batches(shelf.names, form):
                yield (
                    field,
                    np.stack([pixels(name, window(files[name]), form) for name in batch]),
                )
            if shelf.classes:
                yield f"{split}/label", _labels(shelf, classes)

    return Content("pictures", arrays, pieces, tuple(classes), notes=notes)


def _shelves(files: Mapping[str, Place], default: str) -> dict[str, _Shelf]:
    paths = below_root(files)
    named = {name for name, parts in paths.items() if parts[0].lower() in SPLITS}
    named = {name for name in named if len(paths[name]) > 1}
    if named and len(named) < len(paths):
        stray = next(name for name in paths if name not in named)
        raise NotADataset(
            f"the picture {stray!r} lies in no split, but {next(iter(named))!r} does; put "
            "every picture in train, val or test"
        )
    shelves: dict[str, _Shelf] = {}
    for name, parts in paths.items():
        split, rest = (parts[0], parts[1:]) if named else (default, parts)
        shelf = shelves.setdefault(split, _Shelf([], []))
        shelf.names.append(name)
        shelf.classes.extend(rest[:1] if len(rest) > 1 else ())
    for shelf in shelves.values():
        if shelf.classes and len(shelf.classes) < len(shelf.names):
            stray = next(name for name in shelf.names if len(paths[name]) <= 1 + bool(named))
            raise NotADataset(
                f"the picture {stray!r} lies in no class's folder, but others do; move it, or "
                "take it out"
            )
    return dict(sorted(shelves.items(), key=lambda item: split_order(item[0])))


def _divided(shelves: Mapping[str, _Shelf], fraction: float) -> dict[str, _Shelf]:
    """The only shelf as two."""
    split = only_split(shelves)
    whole = shelves[split]
    parts = {split: _Shelf([], []), HELD: _Shelf([], [])}
    for row, held in enumerate(Draw(fraction).next(len(whole.names))):
        part = parts[HELD if held else split]
        part.names.append(whole.names[row])
        part.classes.extend(whole.classes[row : row + 1])
    check_both({name: len(part.names) for name, part in parts.items()})
    return parts


def _form(files: Mapping[str, Place], layout: PictureLayout) -> Form:
    """What every picture is brought to."""
    sizes = Sizes(layout)
    for name, place in files.items():
        sizes.take(name, header(name, window(place)))
    return sizes.form


def _batches(names: list[str], form: Form) -> Iterator[list[str]]:
    height, width, channels = (*form.size, form.channels)
    count = max(1, CHUNK_BYTES // (height * width * channels))
    for start in range(0, len(names), count):
        yield names[start : start + count]


def _labels(shelf: _Shelf, classes: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([classes[each] for each in shelf.classes], np.int64)
