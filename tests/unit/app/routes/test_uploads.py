"""Models and data sets: what a body becomes, and that nothing half-written stays."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.engine import Connection

from app.store.rows import Blob, Dataset, Event, Job, Model

pytestmark = pytest.mark.anyio
ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2


async def counts(world: Any) -> dict[str, int]:
    async with world.parts.reading() as session:
        return {
            table.__tablename__: await session.scalar(select(func.count()).select_from(table))
            for table in (Blob, Model, Dataset, Job)
        }


NOTHING = {"blobs": 0, "models": 0, "datasets": 0, "jobs": 0}


async def test_an_upload_is_stored_hashed_and_queued_for_inspection(world: Any) -> None:
    answer = await world.client.post("/v1/models?name=net", content=b"abc")
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/models/{body['id']}"
    assert (body["name"], body["state"], body["size_bytes"]) == ("net", "pending", 3)
    assert body["sha256"] == ABC_SHA256
    assert [path.read_bytes() for path in world.stored_objects()] == [b"abc"]
    job = await world.get(Job, body["inspection_job"])
    assert (job.kind, job.queue, job.state) == ("inspect", "intake", "queued")
    assert (job.model_id, job.spec) == (body["id"], None)
    assert world.hints.queues == ["intake"]
    assert job.hinted_at is not None
    first = await world.get(Event, (job.id, 1))
    assert (first.type, first.data) == ("queued", {"queue": "intake"})


async def test_a_form_is_refused_with_how_to_send_a_file(world: Any) -> None:
    answer = await world.client.post("/v1/models", files={"file": b"abc"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert "--data-binary" in answer.json()["detail"]
    assert await counts(world) == NOTHING


@pytest.mark.parametrize(
    ("transforms", "param"),
    [
        ('{"x": {"scal": 2}}', "transforms.x.scal"),
        ('{"x": {"scale": NaN}}', "transforms.x.scale"),
        ('{"x": {"std": [1, Infinity]}}', "transforms.x.std.1"),
    ],
)
async def test_a_transform_that_cannot_be_meant_is_refused(
    world: Any, transforms: str, param: str
) -> None:
    answer = await world.client.post(
        "/v1/datasets", params={"transforms": transforms}, content=b"abc"
    )
    assert (answer.status_code, answer.json()["param"]) == (422, param)
    assert await counts(world) == NOTHING


@pytest.mark.parametrize("address", ["/v1/models?name=a%00b", "/v1/jobs?label=a%00:b"])
async def test_no_nul_character_passes_in_an_address(world: Any, address: str) -> None:
    method = "POST" if "name" in address else "GET"
    answer = await world.client.request(method, address, content=b"abc")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert await counts(world) == NOTHING


async def test_a_data_set_keeps_its_transforms(world: Any) -> None:
    transforms = {"image": {"scale": 0.5, "mean": [0.25], "layout": "nhwc"}}
    answer = await world.client.post(
        "/v1/datasets", params={"transforms": json.dumps(transforms)}, content=b"abc"
    )
    assert answer.status_code == 201
    row = await world.get(Dataset, answer.json()["id"])
    assert row.transforms == {
        "image": {"scale": 0.5, "mean": [0.25], "std": [1.0], "layout": "nhwc"}
    }
    assert (await world.get(Job, row.inspection_job_id)).dataset_id == row.id


@pytest.mark.parametrize(
    ("transforms", "param"),
    [('{"image": {"layout": "chwn"}}', "transforms.image.layout"), ("{", "transforms")],
)
async def test_a_transform_that_cannot_be_is_refused_before_the_body(
    world: Any, transforms: str, param: str
) -> None:
    answer = await world.client.post(
        "/v1/datasets", params={"transforms": transforms}, content=b"abc"
    )
    assert (answer.status_code, answer.json()["param"]) == (422, param)
    assert await counts(world) == NOTHING


async def test_a_data_set_keeps_what_its_layout_says(world: Any) -> None:
    layout = {"label": "species", "missing": "drop", "pictures": {"size": [32, 48]}}
    answer = await world.client.post(
        "/v1/datasets", params={"layout": json.dumps(layout)}, content=b"abc"
    )
    assert answer.status_code == 201
    assert (await world.get(Dataset, answer.json()["id"])).layout == layout


@pytest.mark.parametrize(
    ("layout", "param"),
    [
        ("{", "layout"),
        ('{"lable": "species"}', "layout.lable"),
        ('{"fill": NaN}', "layout.fill"),
        ('{"pictures": {"size": [0, 4]}}', "layout.pictures.size.0"),
        ('{"texts": {"columns": ["a", "b", "c"]}}', "layout.texts.columns"),
        ('{"split": "my/split"}', "layout.split"),
        ('{"classes": ["a\\u0000"]}', "layout.classes.0"),
    ],
)
async def test_a_layout_that_cannot_be_is_refused_before_the_body(
    world: Any, layout: str, param: str
) -> None:
    answer = await world.client.post("/v1/datasets", params={"layout": layout}, content=b"abc")
    assert answer.status_code == 422
    assert param in [answer.json()["param"], *(e["param"] for e in answer.json()["errors"])]
    assert await counts(world) == NOTHING


async def test_the_same_bytes_are_kept_once_even_when_they_come_at_once(world: Any) -> None:
    first = await world.client.post("/v1/models", content=b"abc")
    again = await asyncio.gather(
        *(world.client.post("/v1/models", content=b"abc") for _ in range(3))
    )
    ids = {first.json()["id"], *(answer.json()["id"] for answer in again)}
    assert len(ids) == 4
    assert await counts(world) == {"blobs": 1, "models": 4, "datasets": 0, "jobs": 4}
    assert len(world.stored_objects()) == 1


async def test_a_blob_that_was_to_go_is_kept_when_its_bytes_come_again(world: Any) -> None:
    made = await world.client.post("/v1/models", content=b"abc")
    async with world.parts.writing() as session:
        await session.execute(update(Job).values(state="failed"))
    assert (await world.client.delete(f"/v1/models/{made.json()['id']}")).status_code == 204
    async with world.parts.reading() as session:
        assert (await session.scalars(select(Blob))).one().doomed_at is not None
    await world.client.post("/v1/models", content=b"abc")
    async with world.parts.reading() as session:
        assert (await session.scalars(select(Blob))).one().doomed_at is None


async def test_a_stranger_with_the_same_bytes_gets_a_blob_of_their_own(world: Any) -> None:
    await world.client.post("/v1/models", content=b"abc")
    await world.stranger.post("/v1/models", content=b"abc")
    assert (await counts(world))["blobs"] == len(world.stored_objects()) == 2


@pytest.mark.parametrize(
    ("path", "kind", "limit"),
    [
        ("/v1/models", "octet-stream", 5000),
        ("/v1/models", "json", 4000),  # by reference
        ("/v1/datasets", "octet-stream", 6000),
        ("/v1/jobs", "json", 4000),
    ],
)
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit_leaves_nothing(
    world: Any, path: str, kind: str, limit: int, announced: bool
) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(limit // 500 + 1):
            read += 1
            yield b"x" * 500

    length = {"Content-Length": str(limit + 1)} if announced else {}
    answer = await world.client.post(
        path, content=chunks(), headers={**length, "Content-Type": f"application/{kind}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert str(limit) in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert await counts(world) == NOTHING
    assert world.stored_objects() == []
    if announced:
        assert read <= 1  # refused before reading


async def test_a_body_of_exactly_the_limit_is_taken(world: Any) -> None:
    assert (await world.client.post("/v1/models", content=b"x" * 5000)).status_code == 201


async def test_an_empty_body_is_refused(world: Any) -> None:
    answer = await world.client.post("/v1/models")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert await counts(world) == NOTHING
    assert world.stored_objects() == []


async def test_a_cut_connection_leaves_no_blob_and_no_row(world: Any) -> None:
    messages = iter(
        [
            {"type": "http.request", "body": b"x" * 999, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    async def send(_message: dict[str, Any]) -> None:
        pass

    await call(world, receive, send)
    assert await counts(world) == NOTHING
    assert world.stored_objects() == []
    assert (await world.client.post("/v1/models", content=b"abc")).status_code == 201


async def call(
    world: Any,
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/models",
        "raw_path": b"/v1/models",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {world.key}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("lathe.test", 80),
    }
    await world.app(scope, receive, send)


def digests(content: bytes) -> list[dict[str, str]]:
    raw = hashlib.sha256(content).digest()
    encoded = base64.b64encode(raw).decode()
    return [
        {"X-Content-SHA256": raw.hex().upper()},
        {"Repr-Digest": f"md5=:AAAA:, sha-256=:{encoded}:"},
    ]


@pytest.mark.parametrize("which", [0, 1])
async def test_a_promised_digest_is_checked(world: Any, which: int) -> None:
    right, wrong = digests(b"abc")[which], digests(b"abd")[which]
    refused = await world.client.post("/v1/models", content=b"abc", headers=wrong)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
    assert ABC_SHA256 in refused.json()["detail"]
    assert await counts(world) == NOTHING
    assert world.stored_objects() == []
    taken = await world.client.post("/v1/models", content=b"abc", headers=right)
    assert taken.status_code == 201


@pytest.mark.parametrize(
    "header", [{"X-Content-SHA256": "xyz"}, {"Repr-Digest": "sha-256=abc"}]
)
async def test_a_digest_that_is_none_is_refused_by_name(
    world: Any, header: dict[str, str]
) -> None:
    answer = await world.client.post("/v1/models", content=b"abc", headers=header)
    assert (answer.status_code, answer.json()["param"]) == (400, next(iter(header)))


async def test_a_broker_that_is_down_only_delays(world: Any) -> None:
    world.hints.down = True
    answer = await world.client.post("/v1/models", content=b"abc")
    assert answer.status_code == 201
    assert (await world.get(Job, answer.json()["inspection_job"])).hinted_at is None


async def test_a_failed_commit_is_no_201_and_sends_no_hint(world: Any) -> None:
    def fail(connection: Connection) -> None:
        if not connection.get_execution_options().get("read_only"):
            raise RuntimeError("the disk is gone")

    event.listen(world.parts.engine.sync_engine, "commit", fail)
    answer = await world.client.post("/v1/models", content=b"abc")
    event.remove(world.parts.engine.sync_engine, "commit", fail)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "disk" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert await counts(world) == NOTHING
    assert world.stored_objects() == []
    assert world.hints.queues == []


async def test_wait_answers_once_the_inspection_is_over(world: Any) -> None:
    async def inspect() -> None:
        await world.hints.sent.wait()
        async with world.parts.writing() as session:
            await session.execute(update(Model).values(state="rejected"))

    answer, _ = await asyncio.gather(
        world.client.post("/v1/models?wait=30", content=b"abc"), inspect()
    )
    assert (answer.status_code, answer.json()["state"]) == (201, "rejected")


async def test_a_model_in_use_stays_and_one_that_is_not_takes_its_blobs_along(
    world: Any,
) -> None:
    model_id = await world.model()
    teacher_id = await world.model()
    dataset_id = await world.dataset()
    job_id = await world.job(
        model=model_id,
        baseline=teacher_id,
        data={"calibration": {"dataset": dataset_id, "split": "train"}},
    )
    paths = (f"/v1/models/{model_id}", f"/v1/models/{teacher_id}", f"/v1/datasets/{dataset_id}")
    for path in paths:
        refused = await world.client.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert job_id in refused.json()["detail"]
    await world.ends(job_id)
    await world.measurement(job_id, model_id, "size_bytes", 3.0)
    for path in paths:
        assert (await world.client.delete(path)).status_code == 204
        assert (await world.client.get(path)).status_code == 404
    async with world.parts.reading() as session:
        assert all(blob.doomed_at for blob in await session.scalars(select(Blob)))
    job = (await world.client.get(f"/v1/jobs/{job_id}")).json()
    assert job["spec"]["model"] == model_id
    assert (await world.client.get("/v1/measurements")).json()["items"] == []


async def test_a_blob_that_another_row_needs_outlives_the_model(world: Any) -> None:
    first = (await world.client.post("/v1/models", content=b"abc")).json()["id"]
    await world.client.post("/v1/datasets", content=b"abc")
    async with world.parts.writing() as session:
        await session.execute(update(Job).values(state="failed"))
    assert (await world.client.delete(f"/v1/models/{first}")).status_code == 204
    async with world.parts.reading() as session:
        assert (await session.scalars(select(Blob))).one().doomed_at is None


async def test_the_canonical_onnx_can_be_fetched_once_there_is_one(world: Any) -> None:
    ready, pending = await world.model(), await world.model("pending")
    answer = await world.client.get(f"/v1/models/{ready}/content")
    stored = await world.get(Model, ready)
    blob = await world.get(Blob, stored.canonical_blob_id)
    assert hashlib.sha256(answer.content).hexdigest() == blob.sha256
    assert answer.headers["etag"] == f'"{blob.sha256}"'
    early = await world.client.get(f"/v1/models/{pending}/content")
    assert (early.status_code, early.json()["code"], early.json()["retryable"]) == (
        409,
        "not_ready",
        True,
    )
    assert early.headers["retry-after"] == "1"
    never = await world.client.get(f"/v1/models/{await world.model('rejected')}/content")
    assert (never.status_code, never.json()["code"]) == (409, "conflict")


async def test_a_rejected_model_says_why(world: Any) -> None:
    body = (await world.client.get(f"/v1/models/{await world.model('rejected')}")).json()
    assert body["failure"]["code"] == "corrupt_model"
    assert body["failure"]["class"] == "unsupported_model"
