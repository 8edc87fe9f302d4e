"""A database and a folder of objects with two blobs, of which `second` can be let go."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from obstore.store import LocalStore
from sqlalchemy import Engine, delete, update

from app.store.blobs.objects import Objects
from app.store.db import sessions, sync_engine
from app.store.migrate import upgrade
from app.store.rows import Blob, Model, Project

LONG_AGO = datetime(2020, 5, 7, tzinfo=UTC)


@dataclass
class Place:
    """An installation that a test looks into."""

    url: str
    folder: Path
    engine: Engine
    objects: Objects

    @property
    def store(self) -> LocalStore:
        return LocalStore(prefix=self.folder / "objects")

    def path(self, name: str) -> Path:
        return self.folder / "objects" / "models" / name

    def sweep(self, name: str) -> None:
        """As the sweep deletes: the row, then the object."""
        with sessions(self.engine).begin() as session:
            session.execute(delete(Blob).where(Blob.key == f"models/{name}"))
        self.path(name).unlink()

    def doom(self, name: str) -> None:
        with sessions(self.engine).begin() as session:
            session.execute(
                update(Blob).where(Blob.key == f"models/{name}").values(doomed_at=LONG_AGO)
            )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "lathe.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def place(tmp_path: Path, migrated: Path) -> Iterator[Place]:
    url = f"sqlite:///{shutil.copy(migrated, tmp_path)}"
    engine = sync_engine(url)
    objects = Objects.open(f"file://{tmp_path / 'objects'}")
    made = Place(url, tmp_path, engine, objects)
    with sessions(engine).begin() as session:
        session.add(Project(id="prj_a", name="a"))
        session.flush()
        for name in ("first", "second"):
            content = name.encode()
            made.path(name).parent.mkdir(parents=True, exist_ok=True)
            made.path(name).write_bytes(content)
            session.add(
                Blob(
                    id=f"blb_{name}",
                    project_id="prj_a",
                    key=f"models/{name}",
                    sha256=hashlib.sha256(content).hexdigest(),
                    size_bytes=len(content),
                )
            )
        session.flush()
        session.add(Model(id="mdl_1", project_id="prj_a", upload_blob_id="blb_first"))
    yield made
    engine.dispose()
