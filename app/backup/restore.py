"""Bring a backup back into an empty database and an object store."""

import shutil
import subprocess
from pathlib import Path

from obstore.store import LocalStore, S3Store
from sqlalchemy import inspect, make_url

from app.backup.layout import Backup, Manifest, SavedObject
from app.backup.tools import pg_tool
from app.store.blobs.inventory import digest
from app.store.blobs.objects import Objects
from app.store.db import sync_engine
from lathe.errors import InvalidRequest, Missing, Unavailable


def restore(
    folder: Path, database_url: str, objects: Objects, store: LocalStore | S3Store
) -> Manifest:
    """Objects first, then the database, so that no row ever names bytes that are not there.

    `store` is what `objects` writes to.

    Raises InvalidRequest for a backup that is not whole and for a database that is not empty;
    Unavailable, OutOfDisk. One that failed may be repeated.
    """
    backup = Backup(folder)
    manifest = backup.manifest()
    backend = make_url(database_url).get_backend_name()
    if backend != manifest.database:
        raise InvalidRequest(f"the backup is of {manifest.database}, the database is {backend}")
    _must_be_empty(database_url)
    for each in backup.objects():
        if not _is_there(store, each):
            _bring(objects, each, backup.object(each.key))
    source = backup.database(backend)
    if backend == "sqlite":
        _sqlite(source, Path(make_url(database_url).database or ""))
    else:
        _postgresql(source, database_url)
    return manifest


def _is_there(store: LocalStore | S3Store, each: SavedObject) -> bool:
    """The store has these very bytes: it was spared, or an earlier restore brought them."""
    try:
        return digest(store, each.key) == each.sha256
    except Missing:
        return False


def _bring(objects: Objects, each: SavedObject, copy: Path) -> None:
    if not copy.is_file():
        raise InvalidRequest(f"the backup's copy of {each.key} is gone; nothing is back yet")
    objects.delete(each.key)  # other bytes under that key: an object is never written over
    written = objects.write_file(each.key, copy)
    if (written.sha256, written.size_bytes) != (each.sha256, each.size_bytes):
        objects.delete(each.key)
        raise InvalidRequest(f"the backup's copy of {each.key} is damaged; nothing is back yet")


def _must_be_empty(database_url: str) -> None:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return
    engine = sync_engine(database_url, pool_size=1)
    try:
        tables = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if tables:
        raise InvalidRequest(f"the database is not empty (it has {len(tables)} tables)")


def _sqlite(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    part.replace(target)


def _postgresql(source: Path, database_url: str) -> None:
    command, environment = pg_tool("pg_restore", database_url)
    command += ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    done = subprocess.run(  # noqa: S603 - our own command line
        [*command, f"{source}"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Unavailable(f"pg_restore failed: {done.stderr.strip()[-500:]}")
