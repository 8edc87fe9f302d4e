"""The object store against the rows: what is named must be there and whole."""

import tempfile
from pathlib import Path

import obstore
from sqlalchemy import select

from app.store.blobs.object_store import object_store
from app.store.blobs.objects import Objects
from app.store.rows import Blob, MeasurementRow
from lathe.errors import Refused
from tests.chaos.arena import Arena
from tests.chaos.audit.findings import Findings


def check_store(found: Findings, arena: Arena) -> None:
    """Read every named object; count those that nothing names."""
    environment = arena.stack.environment
    store = object_store(
        environment["LATHE_OBJECTS_URL"],
        access_key_id=environment.get("LATHE_S3_ACCESS_KEY_ID"),
        secret_access_key=environment.get("LATHE_S3_SECRET_ACCESS_KEY"),
    )
    with arena.books.sessions() as session:
        session.connection(execution_options={"read_only": True})
        blobs = {blob.key: blob for blob in session.scalars(select(Blob))}
        rows = session.scalars(select(MeasurementRow)).all()
    numbers = [(r.job_id, r.role, r.candidate, r.metric, r.batch_size) for r in rows]
    if len(set(numbers)) < len(numbers):
        found.twice.append(f"{len(numbers) - len(set(numbers))} measurements are there twice")
    found.blobs = len(blobs)
    objects = Objects(store)
    with tempfile.TemporaryDirectory() as scratch:
        for blob in blobs.values():
            _read(found, objects, blob, Path(scratch) / "object")
    for page in obstore.list(store):
        for entry in page:
            if entry["path"] not in blobs:
                found.unnamed += 1
                found.unnamed_bytes += entry["size"]
    arena.diary.say(f"{found.blobs} named objects were read")


def _read(found: Findings, objects: Objects, blob: Blob, path: Path) -> None:
    try:
        if objects.read_to_file(blob.key, path) != blob.sha256:
            found.damaged.append(f"the object {blob.key}: another sha256")
    except Refused as error:
        found.missing.append(f"{blob.key}: {error}")
