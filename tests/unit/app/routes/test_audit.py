"""Every write leaves a trace in its own transaction; admins read it; refusals are logged."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select, update
from structlog.testing import capture_logs

from app.store.rows import Audit, Base, Delivery, Model
from app.store.rows.base import utc_now
from lathe import ids

pytestmark = pytest.mark.anyio
HOOK = {"url": "https://hooks.example/in"}
TUS = {"Tus-Resumable": "1.0.0"}
SPEC = {"pipeline": [{"technique": "quantize.dynamic"}]}

Act = Callable[[], Awaitable[httpx.Response]]
WRITES: dict[str, Callable[[Any], Awaitable[Act]]] = {}
NOT_TRACED = {
    "validate_job": "it changes nothing",
    "describe_uploads": "it changes nothing",
    "send_upload": "the upload's beginning and its use are traced, not each piece",
}


def write(prepare: Callable[[Any], Awaitable[Act]]) -> Callable[[Any], Awaitable[Act]]:
    """A function of an operation's name: it makes what the operation needs, and gives the
    request itself."""
    WRITES[prepare.__name__] = prepare
    return prepare


async def made(world: Any, path: str, body: Any) -> str:
    answer = await world.client.post(path, json=body)
    made_id: str = answer.json()["id"]
    return made_id


@write
async def upload_model(world: Any) -> Act:
    return lambda: world.client.post("/v1/models", content=b"abc")


@write
async def delete_model(world: Any) -> Act:
    path = f"/v1/models/{await world.model()}"
    return lambda: world.client.delete(path)


@write
async def upload_dataset(world: Any) -> Act:
    return lambda: world.client.post("/v1/datasets", content=b"abc")


@write
async def delete_dataset(world: Any) -> Act:
    path = f"/v1/datasets/{await world.dataset()}"
    return lambda: world.client.delete(path)


@write
async def begin_upload(world: Any) -> Act:
    headers = {**TUS, "Upload-Length": "7"}
    return lambda: world.client.post("/v1/uploads", headers=headers)


@write
async def end_upload(world: Any) -> Act:
    begun = await world.client.post("/v1/uploads", headers={**TUS, "Upload-Length": "7"})
    path = begun.headers["location"]
    return lambda: world.client.delete(path, headers=TUS)


@write
async def submit_job(world: Any) -> Act:
    spec = {"model": await world.model(), **SPEC}
    return lambda: world.client.post("/v1/jobs", json=spec)


@write
async def cancel_job(world: Any) -> Act:
    path = f"/v1/jobs/{await world.job()}/cancel"
    return lambda: world.client.post(path)


@write
async def retry_job(world: Any) -> Act:
    job_id = await world.job()
    await world.ends(job_id)
    return lambda: world.client.post(f"/v1/jobs/{job_id}/retry")


@write
async def delete_job(world: Any) -> Act:
    job_id = await world.job()
    await world.ends(job_id)
    return lambda: world.client.delete(f"/v1/jobs/{job_id}")


@write
async def create_project(world: Any) -> Act:
    return lambda: world.client.post("/v1/projects", json={"name": ids.new("any")})


@write
async def delete_project(world: Any) -> Act:
    async with world.parts.reading() as session:
        other = await session.scalar(
            select(Base.metadata.tables["projects"].c.id).where(
                Base.metadata.tables["projects"].c.id != world.project_id
            )
        )
    return lambda: world.stranger.delete(f"/v1/projects/{other}")


@write
async def create_key(world: Any) -> Act:
    return lambda: world.client.post("/v1/keys", json={"name": "k"})


@write
async def rotate_key(world: Any) -> Act:
    path = f"/v1/keys/{await made(world, '/v1/keys', {'name': 'k'})}/rotate"
    return lambda: world.client.post(path, json={})


@write
async def revoke_key(world: Any) -> Act:
    path = f"/v1/keys/{await made(world, '/v1/keys', {'name': 'k'})}"
    return lambda: world.client.delete(path)


@write
async def create_webhook(world: Any) -> Act:
    return lambda: world.client.post("/v1/webhooks", json=HOOK)


@write
async def delete_webhook(world: Any) -> Act:
    path = f"/v1/webhooks/{await made(world, '/v1/webhooks', HOOK)}"
    return lambda: world.client.delete(path)


@write
async def test_webhook(world: Any) -> Act:
    path = f"/v1/webhooks/{await made(world, '/v1/webhooks', HOOK)}/test"
    return lambda: world.client.post(path)


@write
async def enable_webhook(world: Any) -> Act:
    path = f"/v1/webhooks/{await made(world, '/v1/webhooks', HOOK)}/enable"
    return lambda: world.client.post(path)


@write
async def rotate_webhook(world: Any) -> Act:
    path = f"/v1/webhooks/{await made(world, '/v1/webhooks', HOOK)}/rotate"
    return lambda: world.client.post(path, json={})


@write
async def redeliver(world: Any) -> Act:
    path = f"/v1/webhooks/{await made(world, '/v1/webhooks', HOOK)}"
    message = (await world.client.post(f"{path}/test")).json()["id"]
    async with world.parts.writing() as session:
        await session.execute(update(Delivery).values(state="delivered"))
    return lambda: world.client.post(f"{path}/deliveries/{message}/redeliver")


del globals()["test_webhook"]  # an operation's name, no test


async def counts(world: Any) -> dict[str, int]:
    async with world.parts.reading() as session:
        return {
            table.name: await session.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.tables.values()
        }


def test_each_operation_that_writes_is_tried_here(document: dict[str, Any]) -> None:
    found = {
        operation["operationId"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method not in {"get", "head"}
    }
    assert found == {*WRITES, *NOT_TRACED}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_leaves_a_trace_with_its_key_and_request(world: Any, name: str) -> None:
    act = await WRITES[name](world)
    before = await counts(world)
    answer = await act()
    assert answer.is_success, answer.text
    rows = (await counts(world))["audit"] - before["audit"]
    assert rows == (2 if name == "delete_project" else 1)
    async with world.parts.reading() as session:
        newest = select(Audit).order_by(Audit.at.desc()).limit(1)
        row = (await session.scalars(newest)).one()
    assert row.request_id == answer.headers["x-request-id"]
    assert row.key_id is not None
    assert row.target is not None


@pytest.mark.parametrize("name", WRITES)
async def test_without_its_trace_nothing_is_written(world: Any, name: str) -> None:
    act = await WRITES[name](world)
    before = await counts(world)

    def refuse(*_: Any) -> None:
        raise RuntimeError("no audit is to be had (played)")

    event.listen(Audit, "before_insert", refuse)
    try:
        answer = await act()
    finally:
        event.remove(Audit, "before_insert", refuse)
    assert answer.status_code == 500
    assert await counts(world) == before


async def test_admins_page_through_it_and_narrow_it(world: Any) -> None:
    keys = [await made(world, "/v1/keys", {"name": f"k{n}"}) for n in range(3)]
    await world.client.delete(f"/v1/keys/{keys[1]}")
    await world.client.post("/v1/webhooks", json=HOOK)
    seen: list[tuple[str, str]] = []
    cursor = ""
    for _ in range(4):
        page = (await world.client.get(f"/v1/audit?limit=2{cursor}")).json()
        seen += [(each["action"], each["target"]) for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [action for action, _ in seen] == [
        "webhook.create",
        "key.revoke",
        *["key.create"] * 3,
    ]
    assert [target for _, target in seen[2:]] == keys[::-1]

    async def narrowed(query: str) -> list[str]:
        answer = await world.client.get(f"/v1/audit?limit=99&{query}")
        assert answer.status_code == 200, answer.text
        return [each["action"] for each in answer.json()["items"]]

    assert await narrowed("action=key") == ["key.revoke", *["key.create"] * 3]
    assert await narrowed("action=key.revoke") == ["key.revoke"]
    assert await narrowed("action=ke") == []
    assert await narrowed(f"target={keys[1]}") == ["key.revoke", "key.create"]
    assert await narrowed("key=key_nobody") == []
    async with world.parts.writing() as session:
        old = update(Audit).where(Audit.target == keys[0])
        await session.execute(old.values(at=utc_now().replace(year=2001)))
    assert await narrowed("until=2002-01-01T00:00:00Z") == ["key.create"]
    assert len(await narrowed("since=2002-01-01T00:00:00Z")) == 4
    assert (await world.stranger.get("/v1/audit")).json()["items"] == []


async def test_it_tells_what_was_done_with_one_key(world: Any) -> None:
    first = "key_" + world.key.split("_")[1]
    second = (await world.client.post("/v1/keys", json={"name": "ci"})).json()
    await (await world.as_key(second["key"])).post("/v1/webhooks", json=HOOK)
    for key_id, action in ((first, "key.create"), (second["id"], "webhook.create")):
        told = (await world.client.get(f"/v1/audit?key={key_id}")).json()["items"]
        assert [(each["action"], each["key"]) for each in told] == [(action, key_id)]


async def test_a_moment_without_a_zone_and_a_made_up_action_are_named(world: Any) -> None:
    for query, param in (
        ("since=2002-01-01T00:00:00", "since"),
        ("action=Job%20Submit", "action"),
        ("action=job.%25", "action"),
    ):
        answer = await world.client.get(f"/v1/audit?{query}")
        assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_only_admins_read_it(world: Any) -> None:
    key = await world.client.post("/v1/keys", json={"name": "k", "scopes": ["write"]})
    assert (await (await world.as_key(key.json()["key"])).get("/v1/audit")).status_code == 403


async def test_who_is_refused_is_in_the_log_without_a_secret(world: Any) -> None:
    key = (await world.client.post("/v1/keys", json={"name": "k", "scopes": ["read"]})).json()
    reader = await world.as_key(key["key"])
    wrong = await world.as_key(key["key"] + "x")
    odd = await world.as_key("lt_hunter2_hunter2")
    with capture_logs() as lines:
        await reader.delete("/v1/models/mdl_x")
        await wrong.get("/v1/models")
        await odd.get("/v1/models")
        await world.client.post("/sign-in", data={"key": key["key"] + "y"})
    told = [line for line in lines if line["event"] == "refused"]
    assert [(each["code"], each["key_id"], each["route"]) for each in told] == [
        ("forbidden", key["id"], "/v1/models/{model_id}"),
        ("unauthenticated", key["id"], "/v1/models"),
        ("unauthenticated", None, "/v1/models"),
        ("unauthenticated", key["id"], "/sign-in"),
    ]
    assert told[0]["project_id"] == world.project_id
    secret = key["key"].split("_", 2)[2]
    assert secret not in str(lines)
    assert "hunter2" not in str(lines)


async def test_what_the_service_deletes_by_itself_has_no_key(world: Any) -> None:
    await world.add(Audit(project_id=world.project_id, action="model.expire", target="mdl_x"))
    (shown,) = (await world.client.get("/v1/audit")).json()["items"]
    assert (shown["key"], shown["request_id"], shown["data"]) == (None, None, {})
    assert await world.get(Model, "mdl_x") is None
