"""After deleting, the store holds exactly what something still refers to: on both databases and
both kinds of stores, killed in the middle, with a store that fails, beside uploads of the same
bytes."""

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import or_, select, update

from app.hints import Hints
from app.main import create
from app.services import Services
from app.settings import Settings
from app.store.blobs.inventory import inventory
from app.store.blobs.objects import Objects
from app.store.bootstrap import bootstrap
from app.store.db import Sessions, sessions, sync_engine
from app.store.deposit import Stored, deposit
from app.store.doomed import references
from app.store.rows import Artifact, Blob, DeadObject, Job, Model, Project, StepCache
from app.store.rows.base import utc_now
from lathe.errors import Unavailable
from stacks.s3 import S3
from tests.services.app.mortal import ROOT
from worker.keep_settings import KeepSettings
from worker.upkeep import Upkeep

pytestmark = pytest.mark.anyio
PLACES = list(itertools.product(("sqlite", "postgres"), ("folder", "bucket")))


@dataclass
class Ground:
    """A running API, two projects, and a look behind its back."""

    environment: dict[str, str]
    parts: Services
    mine: httpx.AsyncClient
    theirs: httpx.AsyncClient
    their_id: str
    opened: Sessions

    def objects(self) -> Objects:
        return Objects.open(
            self.environment["LATHE_OBJECTS_URL"],
            access_key_id=self.environment.get("LATHE_S3_ACCESS_KEY_ID"),
            secret_access_key=self.environment.get("LATHE_S3_SECRET_ACCESS_KEY"),
        )

    def swept(self, objects: Objects | None = None, **keep: Any) -> None:
        upkeep = Upkeep(
            self.opened, objects or self.objects(), KeepSettings(**keep), doomed_for_s=0
        )
        upkeep.all()

    def stored(self) -> set[str]:
        return {each.key for each in inventory(self.objects()._store)}

    def named(self) -> set[str]:
        """The keys of blobs that something refers to."""
        with self.opened() as session:
            return set(session.scalars(select(Blob.key).where(or_(*references()))))

    def exact(self) -> None:
        with self.opened() as session:
            assert session.scalars(select(DeadObject.key)).all() == []
            rows = set(session.scalars(select(Blob.key)))
        assert self.stored() == self.named() == rows

    async def model(self, client: httpx.AsyncClient, content: bytes) -> str:
        """A model whose inspection has ended."""
        made = await client.post("/v1/models", content=content)
        assert made.status_code == 201, made.text
        async with self.parts.writing() as session:
            job = update(Job).where(Job.id == made.json()["inspection_job"])
            await session.execute(job.values(state="succeeded", finished_at=utc_now()))
        model_id: str = made.json()["id"]
        return model_id

    def put(self, name: str, content: bytes) -> Stored:
        objects = self.objects()
        written_at = Path(self.environment["SCRATCH"]) / name
        written_at.write_bytes(content)
        key = f"artifacts/{name}"
        written = objects.write_file(key, written_at)
        return Stored(key, written.sha256, written.size_bytes)

    def artifact(self, job_id: str, name: str, content: bytes) -> None:
        """As a worker hands it over: an object that turns out to be there already goes."""
        stored = self.put(name, content)
        with self.opened.begin() as session:
            project_id = session.get_one(Job, job_id).project_id
            row = Artifact(project_id=project_id, job_id=job_id, kind="onnx", name=name)
            row.media_type, row.blob_id = (
                "application/onnx",
                deposit(session, project_id, stored),
            )
            session.add(row)
            kept = session.get_one(Blob, row.blob_id).key
        if kept != stored.key:
            self.objects().delete(stored.key)


class Quiet:
    """Hints that go nowhere."""

    async def send(self, queue: str) -> bool:
        return bool(queue)

    async def trouble(self) -> str | None:
        return None

    async def close(self) -> None:
        pass


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=PLACES, ids="-".join)
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    database, store = request.param
    found = {"SCRATCH": str(tmp_path)}
    found["LATHE_DATABASE_URL"] = request.getfixturevalue(f"{database}_database_url")
    if store == "folder":
        return found | {"LATHE_OBJECTS_URL": f"file://{tmp_path}/objects"}
    s3: S3 = request.getfixturevalue("s3")
    return found | {
        "LATHE_OBJECTS_URL": s3.under(tmp_path.name),
        "LATHE_S3_ACCESS_KEY_ID": s3.key,
        "LATHE_S3_SECRET_ACCESS_KEY": s3.secret,
    }


@pytest.fixture
async def ground(environment: dict[str, str]) -> AsyncIterator[Ground]:
    fields = {k[6:].lower(): v for k, v in environment.items() if k.startswith("LATHE_")}
    key = await asyncio.to_thread(bootstrap, fields["database_url"])
    app = create(Settings(**fields), hints=_quiet)
    engine = sync_engine(fields["database_url"], pool_size=4)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))

        async def as_key(text: Any) -> httpx.AsyncClient:
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://lathe.test",
                headers={"Authorization": f"Bearer {text}"},
            )
            return await stack.enter_async_context(client)

        mine = await as_key(key)
        other = (await mine.post("/v1/projects", json={"name": "other"})).json()
        theirs = await as_key(other["key"]["key"])
        parts = app.state.services
        yield Ground(environment, parts, mine, theirs, other["id"], sessions(engine))
    engine.dispose()


def _quiet(_settings: Settings) -> Hints:
    return Quiet()


async def inspection(ground: Ground, client: httpx.AsyncClient, model_id: str) -> str:
    found: str = (await client.get(f"/v1/models/{model_id}")).json()["inspection_job"]
    return found


async def test_bytes_go_with_the_last_that_refers_to_them(ground: Ground) -> None:
    one, two = [await ground.model(ground.mine, b"alike") for _ in range(2)]
    other = await ground.model(ground.theirs, b"alike")
    job = await inspection(ground, ground.mine, one)
    await asyncio.to_thread(ground.artifact, job, "small", b"alike")
    await asyncio.to_thread(ground.artifact, job, "report", b"only here")
    assert len(ground.stored()) == 3  # one of each project, and the report
    for path, left in (
        (f"/v1/models/{one}", 3),
        (f"/v1/models/{two}", 3),  # the artifact has the same bytes
        (f"/v1/jobs/{job}", 1),
    ):
        assert (await ground.mine.delete(path)).status_code == 204
        await asyncio.to_thread(ground.swept)
        ground.exact()
        assert len(ground.stored()) == left, path
    leaves = await ground.theirs.delete(f"/v1/projects/{ground.their_id}")
    assert leaves.status_code == 202, leaves.text
    await asyncio.to_thread(ground.swept)
    ground.exact()
    with ground.opened() as session:
        assert session.get(Project, ground.their_id) is None
        assert session.get(Model, other) is None
    assert ground.stored() == set()


async def test_what_is_kept_for_days_goes_behind_them(ground: Ground) -> None:
    model = await ground.model(ground.mine, b"old model")
    job = await inspection(ground, ground.mine, model)
    await asyncio.to_thread(ground.artifact, job, "report", b"old report")
    stored = await asyncio.to_thread(ground.put, "checkpoint", b"old step")
    with ground.opened.begin() as session:
        row = session.get_one(Model, model)
        blob_id = deposit(session, row.project_id, stored)
        session.add(
            StepCache(
                project_id=row.project_id,
                key="k",
                checkpoint_blob_id=blob_id,
                report={},
                job_id="job_x",
            )
        )
    keep: dict[str, Any] = {"keep_step_cache_days": 5, "keep_unused_uploads_days": 5}
    await asyncio.to_thread(lambda: ground.swept(**keep, keep_artifacts_days=5))
    assert len(ground.stored()) == 3
    await asyncio.to_thread(lambda: ground.swept(keep_step_cache_bytes=1))
    assert len(ground.stored()) == 3  # the newest is kept, however large
    tiny = dict.fromkeys((*keep, "keep_artifacts_days", "keep_jobs_days"), 1e-06)
    await asyncio.sleep(0.1)
    await asyncio.to_thread(lambda: ground.swept(**tiny))
    ground.exact()
    assert ground.stored() == set()
    assert (await ground.mine.get(f"/v1/models/{model}")).status_code == 404
    assert (await ground.mine.get(f"/v1/jobs/{job}")).status_code == 404


class Failing(Objects):
    """A store that goes away after the second object."""

    left = 2

    def delete(self, key: str) -> None:
        if self.left == 0:
            raise Unavailable("the object store does not answer (played)")
        self.left -= 1
        super().delete(key)


async def test_a_store_that_fails_in_the_middle_is_asked_again(ground: Ground) -> None:
    models = [await ground.model(ground.mine, f"model {n}".encode()) for n in range(5)]
    for model in models:
        assert (await ground.mine.delete(f"/v1/models/{model}")).status_code == 204
    failing = ground.objects()
    failing.__class__ = Failing
    await asyncio.to_thread(lambda: ground.swept(failing))
    assert len(ground.stored()) == 3
    with ground.opened() as session:
        assert set(session.scalars(select(DeadObject.key))) == ground.stored()
        assert session.scalars(select(Blob)).all() == []
    await asyncio.to_thread(ground.swept)
    ground.exact()


async def test_a_sweep_that_is_killed_in_the_middle_is_ended_by_the_next(
    ground: Ground,
) -> None:
    spared = await ground.model(ground.mine, b"spared")
    models = [await ground.model(ground.mine, f"model {n}".encode()) for n in range(9)]
    for model in models:
        await ground.mine.delete(f"/v1/models/{model}")

    def killed() -> list[str]:
        said = []
        with subprocess.Popen(
            [sys.executable, "-m", "tests.services.app.caretaker"],
            cwd=ROOT,
            env={
                **os.environ,
                **{k: v for k, v in ground.environment.items() if k != "SCRATCH"},
            },
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stdout or ():
                said.append(line.strip())
                if len(said) == 3:
                    process.kill()
                    break
        return said

    gone = await asyncio.to_thread(killed)
    assert len(gone) == 3
    assert 1 < len(ground.stored()) <= 7
    await asyncio.to_thread(ground.swept)
    ground.exact()
    with ground.opened() as session:
        blob = session.get_one(Model, spared).upload_blob_id
        assert ground.stored() == {session.get_one(Blob, blob).key}


async def test_two_sweeps_at_once_delete_everything_and_nothing_else(ground: Ground) -> None:
    for n in range(40):
        await ground.model(ground.theirs, f"model {n}".encode())
    kept = await ground.model(ground.mine, b"model 7")
    leaves = await ground.theirs.delete(f"/v1/projects/{ground.their_id}")
    assert leaves.status_code == 202, leaves.text
    await asyncio.gather(*(asyncio.to_thread(ground.swept) for _ in range(2)))
    await asyncio.to_thread(ground.swept)  # what one had locked the other left
    ground.exact()
    assert len(ground.stored()) == 1
    assert (await ground.mine.get(f"/v1/models/{kept}")).status_code == 200
    with ground.opened() as session:
        assert session.get(Project, ground.their_id) is None


async def test_an_upload_of_bytes_that_are_being_deleted_is_never_lost(ground: Ground) -> None:
    over = asyncio.Event()

    async def sweeping() -> int:
        rounds = 0
        while not over.is_set():
            await asyncio.to_thread(ground.swept)
            rounds += 1
        return rounds

    async def uploading(client: httpx.AsyncClient) -> None:
        for _ in range(25):
            model = await ground.model(client, b"the same bytes again and again")
            async with ground.parts.reading() as session:
                row = await session.get(Model, model)
                blob = await session.get(Blob, row.upload_blob_id)
            assert await ground.parts.objects.size(blob.key) == 30
            deleted = await client.delete(f"/v1/models/{model}")
            assert deleted.status_code == 204, deleted.text

    sweeps = asyncio.create_task(sweeping())
    await asyncio.gather(*(uploading(ground.mine) for _ in range(3)), uploading(ground.theirs))
    over.set()
    assert await sweeps > 3
    kept = await ground.model(ground.mine, b"the same bytes again and again")
    await asyncio.to_thread(ground.swept)
    ground.exact()
    assert len(ground.stored()) == 1
    assert (await ground.mine.get(f"/v1/models/{kept}")).status_code == 200
