"""A project that has one of everything, made by requests and by what workers would write."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import update

from app.store.rows import Delivery, Job, Quota, SigningKey, StepCache, TrainingState, Worker
from app.store.rows.base import utc_now
from tests.unit.app.conftest import World

TUS = {"Tus-Resumable": "1.0.0"}
PIPELINE = [{"technique": "quantize.dynamic"}]
CONTENT = b"the same bytes in whichever project"


@dataclass
class Estate:
    """What a project has, by what a path, a query or a body calls it; one thing of a kind may
    stand in several states."""

    world: World
    name: str
    things: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def client(self) -> httpx.AsyncClient:
        """With an admin key of the project."""
        return self.world.client

    def one(self, kind: str) -> str:
        """The id of the first thing of a kind."""
        return next(iter(self.things[kind].values()))

    def ids(self) -> list[str]:
        """Every id, and nothing else."""
        return [each for states in self.things.values() for each in states.values()]

    async def fill(self) -> None:
        """Make one of everything."""
        world = self.world
        self.things["project"] = {"itself": world.project_id}
        model, dataset = await world.model(), await world.dataset()
        self.things["model"] = {
            "ready": model,
            "pending": (await self._sent("/v1/models", b"pending" + CONTENT))["id"],
            "rejected": await world.model(state="rejected"),
            "the same bytes": (await self._sent("/v1/models", CONTENT))["id"],
        }
        self.things["dataset"] = {
            "ready": dataset,
            "pending": (await self._sent("/v1/datasets", b"data" + CONTENT))["id"],
        }
        self.things["upload"] = {
            "begun": await self._upload(b""),
            "half": await self._upload(CONTENT[:9]),
            "whole": await self._upload(CONTENT),
            "whole too": await self._upload(CONTENT),
        }
        hook = (
            await self._posted(
                "/v1/webhooks", json={"url": "https://hooks.example/"}, status=201
            )
        )["id"]
        self.things["webhook"] = {"one": hook}
        self.things["delivery"] = {"dead": await self._told(hook)}
        await self._jobs(model, dataset, hook)
        made = await self._posted(
            "/v1/keys", json={"name": f"ci of {self.name}", "scopes": ["read"]}, status=201
        )
        self.things["key"] = {"second": made["id"]}
        await self._caches()

    async def _jobs(self, model: str, dataset: str, hook: str) -> None:
        world = self.world
        data = {"evaluation": {"dataset": dataset, "split": "train"}}
        named = {"labels": {"team": self.name}, "name": f"job of {self.name}", "webhook": hook}
        task = {"kind": "classification"}
        queued = await world.job(model=model, data=data, task=task, **named)
        running, finished, failed = [await world.job(model=model, **named) for _ in range(3)]
        once = {"model": model, "pipeline": PIPELINE}
        replayed = await self._posted(
            "/v1/jobs", json=once, headers={"Idempotency-Key": "once"}, status=202
        )
        for job_id in (running, finished, failed):
            await self._set(job_id, worker="played@host:7", started_at=utc_now(), attempt=1)
        await self._set(running, state="running", lease_until=utc_now())
        await world.ends(finished, verdict=None)
        failure = {"code": "out_of_memory", "class": "resource_exhausted", "retryable": False,
                   "detail": f"too big for {self.name}"}  # fmt: skip
        await world.ends(failed, "failed", failure=failure)
        self.things["job"] = {
            "queued": queued,
            "running": running,
            "finished": finished,
            "failed": failed,
            "replayed": replayed["id"],
        }
        report = b'{"project": "%s"}' % self.name.encode()
        self.things["artifact"] = {
            "onnx": await world.artifact(finished, b"onnx" + CONTENT),
            "report": await world.artifact(finished, report, "report.json", "application/json"),
            "page": await world.artifact(finished, b"<p>", "report.html", "text/html"),
        }
        await world.measurement(finished, model, "size_bytes", 3.0)

    async def _caches(self) -> None:
        world = self.world
        blob = await world.blob(b"checkpoint of " + self.name.encode())
        await world.add(
            StepCache(
                project_id=world.project_id,
                key="5" * 64,
                checkpoint_blob_id=blob.id,
                report={"id": "int8", "technique": "quantize.dynamic", "wall_s": 1, "cpu_s": 1},
                job_id=self.things["job"]["finished"],
            ),
            TrainingState(project_id=world.project_id, key="7" * 64, blob_id=blob.id),
            Quota(project_id=world.project_id, name="running_jobs", most=3),
        )

    async def _sent(self, path: str, content: bytes) -> dict[str, Any]:
        return await self._posted(path, content=content, status=201)

    async def _upload(self, content: bytes) -> str:
        promised = base64.b64encode(hashlib.sha256(CONTENT).hexdigest().encode()).decode()
        begun = await self.client.post(
            "/v1/uploads",
            headers={
                **TUS,
                "Upload-Length": str(len(CONTENT)),
                "Upload-Metadata": f"sha256 {promised}",
            },
        )
        assert begun.status_code == 201, begun.text
        where = begun.headers["Location"]
        if content:
            sent = await self.client.patch(
                where,
                content=content,
                headers={
                    **TUS,
                    "Upload-Offset": "0",
                    "Content-Type": "application/offset+octet-stream",
                },
            )
            assert sent.status_code == 204, sent.text
        return where.rpartition("/")[2]

    async def _told(self, hook: str) -> str:
        told = await self._posted(f"/v1/webhooks/{hook}/test", status=202)
        delivery_id: str = told["id"]
        async with self.world.parts.writing() as session:
            dead = update(Delivery).where(Delivery.id == delivery_id).values(state="dead")
            await session.execute(dead)
        return delivery_id

    async def _set(self, job_id: str, **values: Any) -> None:
        async with self.world.parts.writing() as session:
            await session.execute(update(Job).where(Job.id == job_id).values(**values))

    async def _posted(self, path: str, *, status: int, **body: Any) -> dict[str, Any]:
        answer = await self.client.post(path, **body)
        assert answer.status_code == status, (path, answer.text)
        told: dict[str, Any] = answer.json()
        return told


async def installation(world: World) -> None:
    """What belongs to nobody's project: a signing key and a worker."""
    await world.add(
        SigningKey(id="a" * 64, public_key="PEM"),
        Worker(
            name="played@host",
            queues=["cpu"],
            device="cpu",
            memory_bytes=8e9,
            slots=4,
            release="1",
            spec_oldest=1,
            spec_newest=9,
            facts={"cpu": "played"},
            seen_at=utc_now(),
        ),
    )
