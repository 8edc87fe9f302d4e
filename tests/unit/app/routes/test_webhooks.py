"""Webhooks over HTTP: made, shown, listed, tested, deleted, and named by jobs."""

from typing import Any

import pytest
from sqlalchemy import select, update

from app.store.rows import Audit, Delivery, Webhook
from app.store.rows.base import utc_now
from lathe import ids

pytestmark = pytest.mark.anyio
URL = "https://hooks.example/in"


async def made(world: Any, **body: Any) -> dict[str, Any]:
    answer = await world.client.post("/v1/webhooks", json={"url": URL, **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/webhooks/{answer.json()['id']}"
    shown: dict[str, Any] = answer.json()
    return shown


async def test_the_secret_is_shown_once_and_never_again(world: Any) -> None:
    hook = await made(world, name="ci")
    assert hook["secret"].startswith("whsec_")
    assert len(hook["secret"]) == 6 + 44  # 32 bytes in base64
    assert hook["events"] == ["job.succeeded", "job.failed", "job.cancelled"]
    one = await world.client.get(f"/v1/webhooks/{hook['id']}")
    every = await world.client.get("/v1/webhooks")
    assert hook["secret"] not in one.text + every.text
    assert one.json() == every.json()["items"][0]
    assert one.json()["name"] == "ci"


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/", "https://127.0.0.1/", "https://a:b@hooks.example/", "nonsense"],
)
async def test_an_address_that_cannot_be_told_is_refused_at_once(world: Any, url: str) -> None:
    answer = await world.client.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["param"]) == ("address_refused", "url")


async def test_an_unknown_event_or_field_is_named(world: Any) -> None:
    for body, param in (
        ({"events": ["job.exploded"]}, "events.0"),
        ({"events": []}, "events"),
        ({"secret": "mine"}, "secret"),
    ):
        answer = await world.client.post("/v1/webhooks", json={"url": URL, **body})
        assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_no_tenant_sees_or_touches_anothers(world: Any) -> None:
    hook = await made(world)
    path = f"/v1/webhooks/{hook['id']}"
    ping = (await world.client.post(f"{path}/test")).json()
    for method, where in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/test"),
        ("POST", f"{path}/enable"),
        ("GET", f"{path}/deliveries"),
        ("POST", f"{path}/deliveries/{ping['id']}/redeliver"),
    ):
        assert (await world.stranger.request(method, where)).status_code == 404
    assert (await world.stranger.get("/v1/webhooks")).json()["items"] == []
    theirs = await world.stranger.post("/v1/webhooks", json={"url": URL})
    where = f"/v1/webhooks/{theirs.json()['id']}/deliveries/{ping['id']}/redeliver"
    assert (await world.stranger.post(where)).status_code == 404


async def test_a_key_that_only_reads_changes_nothing(world: Any) -> None:
    hook = await made(world)
    key = await world.client.post("/v1/keys", json={"name": "r", "scopes": ["read"]})
    reader = await world.as_key(key.json()["key"])
    assert (await reader.get(f"/v1/webhooks/{hook['id']}")).status_code == 200
    for method, where in (
        ("POST", ""),
        ("DELETE", f"/{hook['id']}"),
        ("POST", f"/{hook['id']}/test"),
    ):
        body = {"url": URL} if not where else None
        answer = await reader.request(method, f"/v1/webhooks{where}", json=body)
        assert answer.status_code == 403


async def test_a_project_has_so_many_and_no_more(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = world.parts.settings.model_copy(update={"max_webhooks": 2})
    monkeypatch.setitem(vars(world.parts), "settings", few)
    hooks = [await made(world) for _ in range(2)]
    answer = await world.client.post("/v1/webhooks", json={"url": URL})
    assert answer.status_code == 409
    assert "2 webhooks" in answer.json()["detail"]
    assert (await world.client.delete(f"/v1/webhooks/{hooks[0]['id']}")).status_code == 204
    await made(world)


async def test_a_test_puts_a_ping_into_the_outbox_one_at_a_time(world: Any) -> None:
    path = f"/v1/webhooks/{(await made(world))['id']}"
    first = await world.client.post(f"{path}/test")
    assert first.status_code == 202
    assert (first.json()["type"], first.json()["state"]) == ("ping", "pending")
    assert (await world.client.post(f"{path}/test")).status_code == 409
    await settled(world, state="delivered")
    assert (await world.client.post(f"{path}/test")).status_code == 202


async def settled(world: Any, **values: Any) -> None:
    async with world.parts.writing() as session:
        await session.execute(update(Delivery).values(**values))


async def test_dead_letters_are_listed_and_sent_again(world: Any) -> None:
    path = f"/v1/webhooks/{(await made(world))['id']}"
    ping = (await world.client.post(f"{path}/test")).json()
    again = f"{path}/deliveries/{ping['id']}/redeliver"
    assert (await world.client.post(again)).status_code == 409
    await settled(
        world, state="dead", attempts=9, last_status=500, last_error="it answered 500"
    )
    dead = (await world.client.get(f"{path}/deliveries?state=dead")).json()["items"]
    assert [(each["id"], each["last_status"], each["attempts"]) for each in dead] == [
        (ping["id"], 500, 9)
    ]
    assert (await world.client.get(f"{path}/deliveries?state=pending")).json()["items"] == []
    answer = await world.client.post(again)
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["attempts"]) == ("pending", 0)
    assert (await world.client.get(f"{path}/deliveries?state=nonsense")).status_code == 422


async def test_a_deleted_webhook_takes_its_deliveries_along(world: Any) -> None:
    path = f"/v1/webhooks/{(await made(world))['id']}"
    await world.client.post(f"{path}/test")
    assert (await world.client.delete(path)).status_code == 204
    assert (await world.client.get(path)).status_code == 404
    async with world.parts.reading() as session:
        assert (await session.scalars(select(Delivery))).all() == []
        done = set(await session.scalars(select(Audit.action)))
    assert {"webhook.create", "webhook.test", "webhook.delete"} <= done


async def test_a_job_names_a_webhook_that_is_there_and_shows_it(world: Any) -> None:
    hook = await made(world)
    job_id = await world.job(webhook=hook["id"])
    shown = (await world.client.get(f"/v1/jobs/{job_id}")).json()
    assert shown["spec"]["webhook"] == hook["id"]
    plain = (await world.client.get(f"/v1/jobs/{await world.job()}")).json()
    assert "webhook" not in plain["spec"]


async def test_a_job_that_names_an_unknown_or_disabled_webhook_is_refused(world: Any) -> None:
    model = await world.model()
    theirs = (await world.stranger.post("/v1/webhooks", json={"url": URL})).json()["id"]
    disabled = (await made(world))["id"]
    async with world.parts.writing() as session:
        row = await session.get(Webhook, disabled)
        row.disabled_at, row.disabled_because = utc_now(), "it answered 410: gone"
    steps = [{"technique": "quantize.dynamic"}]
    for hook, status in ((ids.new("whk"), 404), (theirs, 404), (disabled, 409), ("x", 422)):
        spec = {"model": model, "pipeline": steps, "webhook": hook}
        answer = await world.client.post("/v1/jobs", json=spec)
        assert (answer.status_code, answer.json()["param"]) == (status, "webhook")
    assert (await world.client.post(f"/v1/webhooks/{disabled}/test")).status_code == 409
    assert (await world.client.post(f"/v1/webhooks/{disabled}/enable")).status_code == 200
    assert (await world.client.post(f"/v1/webhooks/{disabled}/test")).status_code == 202


async def test_a_cancelled_job_is_told_in_the_transaction_of_its_cancelling(world: Any) -> None:
    hook = await made(world)
    job_id = await world.job(webhook=hook["id"])
    assert (await world.client.post(f"/v1/jobs/{job_id}/cancel")).status_code == 200
    listed = await world.client.get(f"/v1/webhooks/{hook['id']}/deliveries")
    assert [(d["type"], d["job"]) for d in listed.json()["items"]] == [
        ("job.cancelled", job_id)
    ]
