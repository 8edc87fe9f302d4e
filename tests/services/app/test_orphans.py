"""What a process leaves that is killed before its commit is collected, and nothing that a row,
an upload or a job that runs may point to: on both databases and both kinds of stores."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from app.backup.collect import collect
from app.backup.verify import Findings, verify
from app.store.blobs.objects import new_key
from app.store.dead_objects import bury
from app.store.rows import Blob, Job, Model, Upload, UploadPart
from app.store.rows.base import utc_now
from lathe import ids
from tests.services.app.mortal import ROOT
from tests.services.app.test_deletion import Ground, anyio_backend, environment, ground
from worker.keep_settings import KeepSettings
from worker.orphanage import Orphanage
from worker.upkeep import Upkeep

__all__ = ["anyio_backend", "environment", "ground"]
pytestmark = pytest.mark.anyio
TUS = {"Tus-Resumable": "1.0.0"}


def killed(ground: Ground, module: str, until: Callable[[list[str]], bool]) -> list[str]:
    """What a process said that ended by SIGKILL: its own, or ours when it has said enough."""
    said: list[str] = []
    told = {k: v for k, v in ground.environment.items() if k != "SCRATCH"}
    with subprocess.Popen(
        [sys.executable, "-m", *module.split()],
        cwd=ROOT,
        env={**os.environ, **told},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            said.append(line.strip())
            if until(said):
                process.kill()
                break
    assert process.returncode == -9
    return said


def collected(ground: Ground) -> None:
    """As the sweep does it on the day after, however young the objects are."""
    objects = ground.objects()
    at_once = Orphanage(ground.opened, objects, -5.0, between_s=0.0)  # whole seconds in S3
    Upkeep(ground.opened, objects, KeepSettings(), orphanage=at_once).all()


async def left_by_the_killed(ground: Ground) -> set[str]:
    """The keys of objects that a process wrote, and the rows of which it never committed."""
    module = "tests.services.app.leaver"
    return set(await asyncio.to_thread(killed, ground, module, lambda _: False))


async def uploaded(ground: Ground, content: bytes, sent: int) -> str:
    """A resumable upload, of which so many bytes have come."""
    length = {"Upload-Length": f"{len(content)}"}
    made = await ground.mine.post("/v1/uploads", headers={**TUS, **length})
    assert made.status_code == 201, made.text
    patch = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    there = made.headers["Location"]
    came = await ground.mine.patch(there, headers=patch, content=content[:sent])
    assert came.status_code == 204, came.text
    return there.rpartition("/")[2]


async def test_what_the_killed_left_goes_and_all_that_somebody_needs_stays(
    ground: Ground,
) -> None:
    model = await ground.model(ground.mine, b"a model")
    whole = await uploaded(ground, b"whole, and not used yet", 23)
    part = await uploaded(ground, b"half of it has come", 9)
    doomed = await ground.model(ground.mine, b"deleted a moment ago")
    assert (await ground.mine.delete(f"/v1/models/{doomed}")).status_code == 204
    needed = ground.stored()
    left = await left_by_the_killed(ground)
    assert len(left) == 3
    assert ground.stored() == needed | left
    await asyncio.to_thread(collected, ground)
    assert ground.stored() == needed
    used = await ground.mine.post(f"/v1/models?upload={whole}")
    assert used.status_code == 201, used.text
    head = await ground.mine.head(f"/v1/uploads/{part}", headers=TUS)
    assert head.headers["Upload-Offset"] == "9"
    with ground.opened() as session:
        keys = select(Upload.stage_key, Upload.key).where(Upload.id == part)
        pieces = session.scalars(select(UploadPart.key)).all()
        named = {key for row in session.execute(keys) for key in row if key} | set(pieces)
        row = session.get_one(Model, model)
        named.add(session.get_one(Blob, row.upload_blob_id).key)
    assert len(named & ground.stored()) >= 2


async def test_what_a_running_attempt_has_written_waits_for_its_end(ground: Ground) -> None:
    job = await ground.model(ground.mine, b"a model")
    running = {"state": "running", "started_at": utc_now(), "attempt": 1}
    with ground.opened.begin() as session:
        inspection = session.get_one(Model, job).inspection_job_id
        session.execute(update(Job).where(Job.id == inspection).values(**running))
    first = (await asyncio.to_thread(ground.put, ids.new("art"), b"the first of many")).key
    await asyncio.to_thread(collected, ground)
    assert first in ground.stored()
    with ground.opened.begin() as session:
        ended = {"state": "failed", "finished_at": utc_now()}
        session.execute(update(Job).where(Job.id == inspection).values(**ended))
    await asyncio.to_thread(collected, ground)
    assert first not in ground.stored()


async def test_collecting_that_is_killed_in_the_middle_is_ended_by_the_next(
    ground: Ground,
) -> None:
    await ground.model(ground.mine, b"spared")
    needed = ground.stored()
    for _ in range(3):
        await left_by_the_killed(ground)
    with ground.opened.begin() as session:
        bury(session, [new_key("models")])  # of an object that is gone already
    module = "tests.services.app.caretaker --orphans"
    gone = await asyncio.to_thread(killed, ground, module, lambda said: len(said) == 4)
    assert len(gone) == 4
    assert 5 <= len(ground.stored() - needed) <= 7
    await asyncio.to_thread(collected, ground)
    assert ground.stored() == needed
    ground.exact()


async def test_the_command_deletes_what_the_killed_left_and_nothing_else(
    ground: Ground,
) -> None:
    await ground.model(ground.mine, b"spared")
    await uploaded(ground, b"whole, and not used yet", 23)
    needed = ground.stored()
    left = await left_by_the_killed(ground)
    url, objects = ground.environment["LATHE_DATABASE_URL"], ground.objects()

    def found() -> Findings:
        return verify(url, objects._store)

    assert found().orphans == []  # they are too young
    listed = [each for each in objects.listed() if each.key in left]
    aged = replace(found(), orphans=[replace(each, age_s=90_000) for each in listed])
    gone = await asyncio.to_thread(collect, url, objects, aged, 0.0)
    assert {each.key for each in gone} == left
    assert ground.stored() == needed
    digest = hashlib.sha256(b"spared").hexdigest()
    with ground.opened() as session:
        assert session.scalars(select(Blob.sha256)).all() == [digest]
