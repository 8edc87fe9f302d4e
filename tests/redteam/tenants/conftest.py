"""What the victim has, and the rows and objects that it consists of."""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.redteam.door import Door
from tests.services.worker.nets import examples, perceptron


@dataclass(frozen=True)
class Loot:
    """Ids of the victim's things, and the bytes of their model."""

    model: str
    dataset: str
    job: str
    artifact: str
    upload: str
    webhook: str
    content: bytes
    sha256: str


@dataclass(frozen=True)
class Store:
    """The database and the objects themselves, which ask nobody's key."""

    data: Path

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What SQL finds when no project is asked for."""
        with sqlite3.connect(f"file:{self.data / 'lathe.db'}?mode=ro", uri=True) as database:
            return database.execute(statement, values).fetchall()

    def bytes_of(self, key: str) -> bytes:
        """An object by its key."""
        return (self.data / "objects" / key).read_bytes()


@pytest.fixture(scope="session")
def store(door: Door) -> Store:
    return Store(door.data)


@pytest.fixture(scope="session")
def loot(victim: Door, model: str) -> Loot:
    assert model  # the attacker was there first, so every list has something behind its cursors
    content = perceptron(41)
    view = victim.sent("models", content, name="the victim's")
    dataset = victim.ready("datasets", examples(40))
    step = {"technique": "quantize.dynamic"}
    job = victim.settled({"model": view["id"], "pipeline": [step], "benchmark": None})
    assert job["state"] == "succeeded", job["failure"]
    artifacts = victim.http.get(f"/v1/jobs/{job['id']}/artifacts").json()["items"]
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "100"}
    upload = victim.http.post("/v1/uploads", headers=tus).headers["location"]
    webhook = victim.http.post("/v1/webhooks", json={"url": "https://example.org/"}).json()
    return Loot(
        model=view["id"],
        dataset=dataset,
        job=job["id"],
        artifact=artifacts[0]["id"],
        upload=upload.rpartition("/")[2],
        webhook=webhook["id"],
        content=content,
        sha256=view["sha256"],
    )


_OF_THE_PROJECT = re.compile(r"(\w+\.project_id = \?)")


@pytest.fixture
def unfiltered(breached: Door) -> Iterator[Door]:
    """The attacker where no statement asks for the project: every such condition holds."""

    def opened(
        _connection: Any, _cursor: Any, statement: str, values: Any, *_: Any
    ) -> tuple[str, Any]:
        return _OF_THE_PROJECT.sub(r"(\1 OR 1)", statement), values

    event.listen(Engine, "before_cursor_execute", opened, retval=True)
    yield breached
    event.remove(Engine, "before_cursor_execute", opened)
