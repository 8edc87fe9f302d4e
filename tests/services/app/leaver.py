"""A process that writes objects and the rows that name them, and is killed before it has
committed those: `python -m tests.services.app.leaver` says the keys."""

import os
import signal
import sys
import tempfile
from pathlib import Path

from sqlalchemy import select

from app.store.blobs.objects import new_key
from app.store.db import sessions, sync_engine
from app.store.deposit import Stored, deposit
from app.store.rows import Model, Project
from worker.bench import open_objects
from worker.settings import Settings

OBJECTS = 3


def main() -> None:
    """Write, and die by SIGKILL."""
    settings = Settings.from_environment()
    objects = open_objects(settings)
    with (
        tempfile.NamedTemporaryFile() as file,
        sessions(sync_engine(settings.database_url)).begin() as session,
    ):
        project_id = session.scalars(select(Project.id).where(Project.name == "default")).one()
        for kind in ("models", "artifacts", "checkpoints")[:OBJECTS]:
            file.seek(0)
            file.write(os.urandom(64))
            file.flush()
            key = new_key(kind)
            written = objects.write_file(key, Path(file.name))
            stored = Stored(key, written.sha256, written.size_bytes)
            blob_id = deposit(session, project_id, stored)
            session.add(Model(project_id=project_id, upload_blob_id=blob_id))
            session.flush()
            sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
