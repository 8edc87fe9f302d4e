"""The files of a backup."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lathe.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class SavedObject:
    """One object as its row describes it."""

    key: str
    size_bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a backup says of itself; it is written last."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    release: str
    revision: str
    database: Literal["sqlite", "postgresql"]
    taken_at: datetime
    objects: int
    object_bytes: int


class Backup:
    """One backup folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._manifest = folder / "manifest.json"
        self._objects = folder / "objects.jsonl"

    def database(self, backend: str) -> Path:
        """Where the copy of the database lies."""
        return self.folder / ("database.sqlite" if backend == "sqlite" else "database.pgdump")

    def object(self, key: str) -> Path:
        """Where the object's bytes lie; raises InvalidRequest for a key that leads away."""
        path = self.folder / "objects" / key
        if not path.resolve().is_relative_to((self.folder / "objects").resolve()):
            raise InvalidRequest(f"the object key {key!r} leads out of the backup")
        return path

    def stored(self) -> Iterator[Path]:
        """Every file below `objects/`."""
        return (path for path in (self.folder / "objects").rglob("*") if path.is_file())

    def manifest(self) -> Manifest:
        """Raises InvalidRequest where there is no whole backup."""
        try:
            return Manifest.model_validate_json(self._manifest.read_bytes())
        except (OSError, ValidationError) as error:
            raise InvalidRequest(f"{self.folder} holds no whole backup: {error}") from error

    def objects(self) -> Iterator[SavedObject]:
        """What the copied rows name."""
        with self._objects.open() as lines:
            for line in lines:
                yield SavedObject(**json.loads(line))

    def describe(self, manifest: Manifest, objects: Iterable[SavedObject]) -> None:
        """Write the list and then the manifest, each whole or not at all."""
        lines = "".join(f"{json.dumps(asdict(each))}\n" for each in objects)
        _write(self._objects, lines)
        _write(self._manifest, manifest.model_dump_json(indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
