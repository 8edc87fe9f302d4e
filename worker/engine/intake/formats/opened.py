"""An upload as content: the format is found by what the file holds, never by its name.

One more format is a module that gives a Content, and a case here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, assert_never

from lathe.errors import InvalidSpec, NotADataset
from lathe.layout import Layout
from worker.engine.intake.file_kind import file_kind
from worker.engine.intake.formats.arrays import content_of_arrays
from worker.engine.intake.formats.content import Content
from worker.engine.intake.formats.files import by_split, sorted_out
from worker.engine.intake.formats.holdout import PARAM
from worker.engine.intake.formats.pictures import content_of_pictures
from worker.engine.intake.formats.shards import content_of_shards
from worker.engine.intake.formats.table.batch import Table
from worker.engine.intake.formats.table.content import content_of_table
from worker.engine.intake.formats.table.csv_table import CsvTable
from worker.engine.intake.formats.table.held_out import HeldOut
from worker.engine.intake.formats.table.tokens import Tokens
from worker.engine.intake.npz_source import open_npz
from worker.engine.intake.tar_archive import unpack_tar
from worker.engine.intake.tensor_source import open_tensor_file
from worker.engine.intake.zip_archive import open_zip, unpack_zip
from worker.engine.onnx_file.place import Place, whole
from worker.wire import Limits

HOW = (
    "upload .npz or .safetensors with arrays named '<split>/<input>' and '<split>/label', a "
    ".csv or .parquet table, or a zip or tar of pictures, tables or shards"
)
NPY = ".npy"
HEAD_BYTES = 4096
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


@contextmanager
def opened(upload: Path, scratch: Path, layout: Layout, limits: Limits) -> Iterator[Content]:
    """What `upload` holds, while it is open; `scratch` takes what has to be unpacked.

    Raises NotADataset and InvalidSpec, and what the readers of archives and arrays raise.
    """
    match file_kind(upload):
        case "zip" if _is_npz(upload, limits):
            with open_npz(whole(upload), scratch, limits) as sources:
                _no_holdout(layout)
                yield content_of_arrays("npz", sources)
        case "safetensors":
            with open_tensor_file(whole(upload), limits) as sources:
                _no_holdout(layout)
                yield content_of_arrays("safetensors", sources)
        case ("zip" | "tar" | "tar.gz") as kind:
            members = _members(upload, kind, scratch, limits)
            yield _archived(members, layout, scratch, limits)
        case ("text" | "parquet") as kind:
            files = {layout.split: {"": whole(upload)}}
            table = _table("csv" if kind == "text" else "parquet", files, layout)
            yield content_of_table(table, layout, None)
        case "npy":
            raise NotADataset(f"the file is a single .npy array; {HOW}")
        case "pickle":
            raise NotADataset(f"the file is a Python pickle, which runs code; {HOW}")
        case "empty":
            raise NotADataset("the file is empty; upload it again")
        case "unknown" if _is_foreign_text(upload):
            raise NotADataset("the file is text, but not in UTF-8; save it so")
        case "unknown":
            raise NotADataset(f"the file is in a format that is not known here; {HOW}")
        case kind:
            raise NotADataset(f"the file is of the kind {kind}, which is no data; {HOW}")


def _is_foreign_text(upload: Path) -> bool:
    """Text of another encoding holds no control characters either."""
    with upload.open("rb") as file:
        return not CONTROL.search(file.read(HEAD_BYTES))


def _no_holdout(layout: Layout) -> None:
    """Arrays are stored as they come, not row by row."""
    if layout.holdout is not None:
        raise InvalidSpec(
            "arrays are not divided; name two splits, such as 'train/image' and 'test/image'",
            param=PARAM,
        )


def _is_npz(upload: Path, limits: Limits) -> bool:
    """Whether a zip holds arrays as numpy.savez writes them; an empty one is taken for that."""
    with open_zip(whole(upload), limits) as archive:
        return all(info.filename.endswith(NPY) for info in archive.infolist())


def _members(
    upload: Path, kind: Literal["zip", "tar", "tar.gz"], scratch: Path, limits: Limits
) -> dict[str, Place]:
    if kind == "zip":
        return unpack_zip(upload, scratch, limits)
    return unpack_tar(upload, scratch, limits, gzipped=kind == "tar.gz")


def _archived(
    members: dict[str, Place], layout: Layout, scratch: Path, limits: Limits
) -> Content:
    group, files, tokenizer = sorted_out(members)
    if tokenizer is not None and group not in {"csv", "parquet"}:
        raise NotADataset(
            "the archive holds a tokenizer.json, but no table of texts; add a .csv or .parquet "
            "file, or take it out"
        )
    match group:
        case "pictures":
            return content_of_pictures(files, layout)
        case "npz" | "safetensors":
            _no_holdout(layout)
            return content_of_shards(group, files, layout.split, scratch, limits)
        case "csv" | "parquet":
            splits = {
                split or layout.split: {name: files[name] for name in names}
                for split, names in by_split(files).items()
            }
            tokens = Tokens.open(tokenizer, layout.texts) if tokenizer else None
            return content_of_table(_table(group, splits, layout), layout, tokens)
        case _:
            assert_never(group)


def _table(
    kind: Literal["csv", "parquet"], splits: dict[str, dict[str, Place]], layout: Layout
) -> Table:
    table = _read_as(kind, splits, layout)
    return table if layout.holdout is None else HeldOut(table, layout.holdout)


def _read_as(
    kind: Literal["csv", "parquet"], splits: dict[str, dict[str, Place]], layout: Layout
) -> Table:
    if kind == "csv":
        return CsvTable.open(splits, header=layout.header)
    # it starts a thread, which must not happen before children are forked
    from worker.engine.intake.formats.table.parquet_table import (  # noqa: PLC0415
        ParquetTable,
    )

    return ParquetTable.open(splits)
