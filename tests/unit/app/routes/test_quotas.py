"""What a project may use is refused beyond: before bytes are read, and while they come."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.store.quotas.limits import set_limit
from app.store.quotas.minutes import this_month
from app.store.rows import Attempt, Blob, Job, Model, Upload, Worker
from lathe.states import Queue

pytestmark = pytest.mark.anyio
PIPELINE = [{"technique": "quantize.dynamic"}]


async def limited(world: Any, **most: int | None) -> None:
    async with world.parts.writing() as session:
        for name, each in most.items():
            await session.run_sync(set_limit, world.project_id, name, each)


async def begun(world: Any, length: int) -> Any:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(length)}
    return await world.client.post("/v1/uploads", headers=headers)


async def sent(world: Any, upload_id: str, content: bytes) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    done = await world.client.patch(
        f"/v1/uploads/{upload_id}", content=content, headers=headers
    )
    assert done.status_code == 204, done.text


def refused(answer: Any, code: str) -> str:
    assert (answer.status_code, answer.json()["code"]) == (429, code), answer.text
    assert answer.json()["retryable"] is False
    assert "retry-after" not in answer.headers
    detail: str = answer.json()["detail"]
    return detail


class Counted:
    """A body that knows how much of it was read."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.read = pieces, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.read += len(piece)
            yield piece


async def test_a_body_of_a_declared_length_is_refused_before_it_is_read(world: Any) -> None:
    await limited(world, stored_bytes=100)
    body = Counted(b"x" * 60, b"x" * 41)
    answer = await world.client.post(
        "/v1/models", content=body, headers={"Content-Length": "101"}
    )
    detail = refused(answer, "storage_quota_reached")
    assert "stores 0 of the 100 bytes" in detail
    assert body.read == 0
    assert world.stored_objects() == []


async def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_over(world: Any) -> None:
    await limited(world, stored_bytes=100)
    body = Counted(b"x" * 60, b"x" * 41, b"x" * 999)
    answer = await world.client.post("/v1/datasets", content=body)
    refused(answer, "storage_quota_reached")
    assert body.read < 1100
    assert world.stored_objects() == []
    async with world.parts.reading() as session:
        assert (await session.scalars(select(Blob))).all() == []
        assert (await session.scalars(select(Job))).all() == []


async def test_what_fits_to_the_byte_is_taken_and_then_nothing_more(world: Any) -> None:
    await limited(world, stored_bytes=100)
    assert (await world.client.post("/v1/models", content=b"y" * 100)).status_code == 201
    detail = refused(
        await world.client.post("/v1/models", content=b"z"), "storage_quota_reached"
    )
    assert "stores 100 of the 100 bytes" in detail
    refused(await begun(world, 1), "storage_quota_reached")
    source = {"source": "https://models.example/net.onnx"}
    refused(await world.client.post("/v1/models", json=source), "storage_quota_reached")


async def test_an_announced_upload_takes_its_room_at_once_and_is_counted_once(
    world: Any,
) -> None:
    await limited(world, stored_bytes=100)
    first = await begun(world, 70)
    assert first.status_code == 201
    refused(await begun(world, 31), "storage_quota_reached")
    refused(await world.client.post("/v1/models", content=b"x" * 31), "storage_quota_reached")
    upload_id = first.headers["Location"].rpartition("/")[2]
    await sent(world, upload_id, b"u" * 70)
    made = await world.client.post(f"/v1/models?upload={upload_id}")
    assert made.status_code == 201, made.text
    assert (await begun(world, 30)).status_code == 201
    refused(await begun(world, 1), "storage_quota_reached")


async def test_an_upload_that_was_announced_in_time_is_used_though_the_quota_shrank(
    world: Any,
) -> None:
    first = await begun(world, 70)
    upload_id = first.headers["Location"].rpartition("/")[2]
    await sent(world, upload_id, b"u" * 70)
    await limited(world, stored_bytes=10)
    made = await world.client.post(f"/v1/models?upload={upload_id}")
    assert made.status_code == 201


async def test_deleting_makes_room_and_the_same_bytes_again_need_none(world: Any) -> None:
    await limited(world, stored_bytes=100)
    made = (await world.client.post("/v1/models", content=b"y" * 60)).json()
    job_id = (await world.get(Model, made["id"])).inspection_job_id
    await world.ends(job_id)
    refused(await world.client.post("/v1/models", content=b"n" * 60), "storage_quota_reached")
    gone = await world.client.delete(f"/v1/models/{made['id']}")
    assert gone.status_code == 204
    assert (await world.client.post("/v1/models", content=b"n" * 60)).status_code == 201


async def test_too_many_unfinished_jobs_refuse_jobs_and_uploads_until_one_ends(
    world: Any,
) -> None:
    model = await world.model()
    await limited(world, unfinished_jobs=2)
    spec = {"model": model, "pipeline": PIPELINE}
    jobs = [await world.job(model=model) for _ in range(2)]
    detail = refused(await world.client.post("/v1/jobs", json=spec), "job_quota_reached")
    assert "2 of the 2 unfinished jobs" in detail
    refused(await world.client.post("/v1/models", content=b"x"), "job_quota_reached")
    dry = (await world.client.post("/v1/jobs:validate", json=spec)).json()
    assert not dry["valid"]
    assert "unfinished jobs" in dry["problems"][0]["detail"]
    assert (await world.client.post(f"/v1/jobs/{jobs[0]}/cancel")).status_code == 200
    refused(
        await world.client.post(f"/v1/jobs/{await _third(world, model)}/retry"),
        "job_quota_reached",
    )


async def _third(world: Any, model: str) -> str:
    """An ended job, in a project that is full again."""
    ended = await world.job(model=model)
    await world.ends(ended)
    await world.job(model=model)
    return str(ended)


async def test_used_up_gpu_minutes_refuse_cuda_and_send_auto_to_the_cpu(world: Any) -> None:
    await world.add(Worker(name="g", queues=["gpu"], device="cuda", memory_bytes=1))
    async with world.parts.writing() as session:
        since, again = await session.run_sync(this_month)
        session.add(
            Attempt(
                job_id="job_x",
                attempt=1,
                project_id=world.project_id,
                queue=Queue.GPU,
                started_at=since,
                ended_at=since + timedelta(minutes=61),
            )
        )
    model = await world.model()
    auto = {"model": model, "pipeline": PIPELINE, "resources": {"device": "auto"}}
    assert (await world.client.post("/v1/jobs", json=auto)).json()["queue"] == "gpu"
    await limited(world, gpu_minutes=60)
    assert (await world.client.post("/v1/jobs", json=auto)).json()["queue"] == "cpu"
    cuda = {**auto, "resources": {"device": "cuda"}}
    answer = await world.client.post("/v1/jobs", json=cuda)
    detail = refused(answer, "gpu_quota_reached")
    assert (
        f"61 of its 60 GPU minutes of this month; ask for resources.device cpu, or wait for "
        f"{again:%Y-%m-%d}" in detail
    )
    assert answer.json()["param"] == "resources.device"


async def test_a_full_store_takes_no_more_jobs(world: Any) -> None:
    model = await world.model()
    await limited(world, stored_bytes=1)
    spec = {"model": model, "pipeline": PIPELINE}
    refused(await world.client.post("/v1/jobs", json=spec), "storage_quota_reached")


async def test_one_projects_limits_are_not_anothers(world: Any) -> None:
    await limited(world, stored_bytes=0, unfinished_jobs=0)
    assert (await world.stranger.post("/v1/models", content=b"x")).status_code == 201
    refused(await world.client.post("/v1/models", content=b"x"), "job_quota_reached")
    async with world.parts.reading() as session:
        assert (await session.scalars(select(Upload))).all() == []


async def test_an_admin_of_another_project_makes_no_projects(world: Any) -> None:
    answer = await world.stranger.post("/v1/projects", json={"name": "mine"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "'default'" in answer.json()["detail"]
    assert (await world.client.post("/v1/projects", json={"name": "mine"})).status_code == 201
