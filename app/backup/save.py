"""Save a running installation into a folder; again into the same one copies what is new."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from app.backup.layout import Backup, Manifest, SavedObject
from app.backup.snapshot import Snapshot, snapshot
from app.store.blobs.objects import Objects
from lathe import __version__
from lathe.errors import Missing

_ROUNDS = 3


@dataclass(slots=True)
class Saved:
    """What a save did. `lost` are keys whose bytes the store does not have, or has damaged."""

    manifest: Manifest
    copied: int
    lost: list[str] = field(default_factory=list)


def save(database_url: str, objects: Objects, folder: Path) -> Saved:
    """Take the database, then every object that it names; raises Unavailable, InvalidRequest.

    What is deleted while a long save runs is missed in the store; the database is then taken
    once more, which does not name it any longer.
    """
    backup = Backup(folder)
    (folder / "objects").mkdir(parents=True, exist_ok=True)
    backend = make_url(database_url).get_backend_name()
    target = backup.database(backend)
    part = target.with_name(target.name + ".part")
    copied = 0
    lost: list[str] = []
    for _ in range(_ROUNDS):
        taken_at = datetime.now(UTC)
        taken = snapshot(database_url, part)
        new, lost = _copy(objects, backup, taken.objects)
        copied += new
        if not lost:
            break
    part.replace(target)
    manifest = _manifest(backend, taken, taken_at)
    backup.describe(manifest, taken.objects)
    _prune(backup, taken.objects)
    return Saved(manifest, copied, lost)


def _manifest(backend: str, taken: Snapshot, taken_at: datetime) -> Manifest:
    return Manifest(
        release=__version__,
        revision=taken.revision,
        database="sqlite" if backend == "sqlite" else "postgresql",
        taken_at=taken_at,
        objects=len(taken.objects),
        object_bytes=sum(each.size_bytes for each in taken.objects),
    )


def _copy(
    objects: Objects, backup: Backup, wanted: Iterable[SavedObject]
) -> tuple[int, list[str]]:
    """How many were copied, and the keys of those that could not be."""
    copied, lost = 0, []
    for each in wanted:
        path = backup.object(each.key)
        if path.is_file() and path.stat().st_size == each.size_bytes:
            continue  # an object never changes
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            whole = objects.read_to_file(each.key, part) == each.sha256
        except Missing:
            whole = False
        if whole:
            _keep(part, path)
            copied += 1
        else:
            part.unlink(missing_ok=True)
            lost.append(each.key)
    return copied, lost


def _keep(part: Path, path: Path) -> None:
    """Give a whole copy its name once it is on the disk."""
    file = os.open(part, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    part.replace(path)


def _prune(backup: Backup, wanted: Iterable[SavedObject]) -> None:
    """Remove copies that the new database does not name."""
    named = {backup.object(each.key) for each in wanted}
    for path in list(backup.stored()):
        if path not in named:
            path.unlink()
