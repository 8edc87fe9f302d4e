"""A data set in many files of arrays, .npz or .safetensors, one after the other.

A split is said by the topmost folder, by how a file's name begins (`train-00003.npz`), or by
the arrays' own names (`train/image`). Files are opened one at a time, and never held whole.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from lathe.errors import NotADataset
from worker.engine.intake.archive import ArchiveDamagedError, ArchiveRefusedError
from worker.engine.intake.array_source import ArraySource
from worker.engine.intake.formats.arrays import named_pieces
from worker.engine.intake.formats.content import Content, Declared, Piece
from worker.engine.intake.formats.files import by_split
from worker.engine.intake.npy_header import BadArrayError
from worker.engine.intake.npz_source import open_npz
from worker.engine.intake.split_names import split_and_field
from worker.engine.intake.tensor_file import DamagedTensorFileError
from worker.engine.intake.tensor_source import open_tensor_file
from worker.engine.onnx_file.place import Place
from worker.wire import Limits

Kind = Literal["npz", "safetensors"]


@dataclass(frozen=True, slots=True)
class _Shard:
    """One file; `split` where its path says one."""

    name: str
    place: Place
    kind: Kind
    split: str | None

    def full(self, array: str, default: str) -> str:
        """`<split>/<field>` of one of its arrays."""
        if self.split is None:
            return array if "/" in array else f"{default}/{array}"
        return array if array.startswith(f"{self.split}/") else f"{self.split}/{array}"

    @contextmanager
    def opened(self, scratch: Path, limits: Limits) -> Iterator[dict[str, ArraySource]]:
        """Its arrays; whatever is wrong with the file is said with its name."""
        try:
            match self.kind:
                case "npz":
                    with open_npz(self.place, scratch, limits) as sources:
                        yield sources
                case "safetensors":
                    with open_tensor_file(self.place, limits) as sources:
                        yield sources
                case _:
                    assert_never(self.kind)
        except (
            ArchiveRefusedError, ArchiveDamagedError, DamagedTensorFileError, BadArrayError
        ) as error:  # fmt: skip
            raise NotADataset(
                f"the shard {self.name!r} cannot be used: {error}; replace it"
            ) from error


def content_of_shards(
    kind: Kind, files: Mapping[str, Place], default: str, scratch: Path, limits: Limits
) -> Content:
    """The shards' arrays joined in the order of the files' names; `default` is the split of
    what nothing puts in one. Raises NotADataset, naming the shard."""
    shards = [
        _Shard(name, files[name], kind, split)
        for split, names in by_split(files).items()
        for name in names
    ]
    arrays: dict[str, Declared] = {}
    holders: dict[str, list[_Shard]] = {}
    for shard in shards:
        with shard.opened(scratch, limits) as sources:
            for array, source in sources.items():
                name = shard.full(array, default)
                arrays[name] = _joined(shard, name, arrays.get(name), source)
                holders.setdefault(name, []).append(shard)
    _check_alike(holders)

    def pieces() -> Iterator[Piece]:
        for shard in shards:
            with shard.opened(scratch, limits) as sources:
                for array, source in sources.items():
                    yield from named_pieces(shard.full(array, default), source)

    return Content("shards", arrays, pieces)


def _joined(shard: _Shard, name: str, before: Declared | None, more: ArraySource) -> Declared:
    if not more.shape:
        raise NotADataset(
            f"the array {name!r} of the shard {shard.name!r} is a single number; the first "
            "axis is the examples"
        )
    if before is None:
        return Declared(more.dtype, more.shape)
    if (before.dtype, before.shape[1:]) != (more.dtype, more.shape[1:]):
        raise NotADataset(
            f"the array {name!r} is {more.dtype} of {more.shape[1:]} in the shard "
            f"{shard.name!r}, and {before.dtype} of {before.shape[1:]} in those before it; "
            "make them alike"
        )
    return Declared(before.dtype, (before.shape[0] + more.shape[0], *before.shape[1:]))


def _check_alike(holders: Mapping[str, list[_Shard]]) -> None:
    """Every shard of a split has the same arrays, so that rows stay together."""
    of_split: dict[str, dict[str, set[str]]] = {}
    for name, shards in holders.items():
        split, _ = split_and_field(name)
        of_split.setdefault(split, {})[name] = {shard.name for shard in shards}
    for arrays in of_split.values():
        every = set[str]().union(*arrays.values())
        for name, there in arrays.items():
            if lacking := sorted(every - there):
                raise NotADataset(
                    f"the shard {lacking[0]!r} has no array {name!r}, which others of its "
                    "split have; add it"
                )
