"""Keys and webhook secrets get successors, and what they leave ends when it was said."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.store.rows import ApiKey, Audit
from app.store.rows.base import utc_now
from lathe import ids

pytestmark = pytest.mark.anyio


async def made(world: Any, **body: Any) -> dict[str, Any]:
    answer = await world.client.post("/v1/keys", json={"name": "ci", **body})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def rotated(world: Any, key_id: str, **body: Any) -> dict[str, Any]:
    answer = await world.client.post(f"/v1/keys/{key_id}/rotate", json=body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_both_keys_are_good_during_the_grace_and_the_new_one_after_it(world: Any) -> None:
    old = await made(world, scopes=["read"])
    new = await rotated(world, old["id"], grace_s=600)
    assert (new["name"], new["scopes"], new["expires_at"]) == ("ci", ["read"], None)
    for key in (old["key"], new["key"]):
        client = await world.as_key(key)
        assert (await client.get("/v1/models")).status_code == 200
    row = await world.get(ApiKey, old["id"])
    left_s = (row.expires_at - utc_now()).total_seconds()
    assert 590 < left_s <= 600
    assert (row.replaced_by, row.revoked_at) == (new["id"], None)
    async with world.parts.writing() as session:
        past = utc_now() - timedelta(seconds=1)
        statement = update(ApiKey).where(ApiKey.id == old["id"]).values(expires_at=past)
        await session.execute(statement)
    world.parts.keys.forget(old["id"])
    client = await world.as_key(old["key"])
    assert "expired" in (await client.get("/v1/models")).json()["detail"]


async def test_without_a_grace_the_old_key_ends_at_once(world: Any) -> None:
    old = await made(world, scopes=["read"])
    client = await world.as_key(old["key"])
    assert (await client.get("/v1/models")).status_code == 200
    await rotated(world, old["id"], grace_s=0)
    assert "revoked" in (await client.get("/v1/models")).json()["detail"]


async def test_who_was_to_live_for_nine_days_has_a_successor_that_does(world: Any) -> None:
    end = utc_now() + timedelta(days=9)
    old = await made(world, expires_at=end.isoformat())
    async with world.parts.writing() as session:  # it was made five days ago
        earlier = {"created_at": utc_now() - timedelta(days=5), "expires_at": end}
        earlier["expires_at"] -= timedelta(days=5)
        await session.execute(update(ApiKey).where(ApiKey.id == old["id"]).values(**earlier))
    new = await rotated(world, old["id"], grace_s=30 * 86_400)
    fresh = await world.get(ApiKey, new["id"])
    life = fresh.expires_at - utc_now()
    assert timedelta(days=8, hours=23) < life < timedelta(days=9, hours=1)
    row = await world.get(ApiKey, old["id"])  # the grace does not make a key live longer
    assert row.expires_at == end - timedelta(days=5)


async def test_a_key_has_one_successor_and_an_ended_one_has_none(world: Any) -> None:
    old = await made(world)
    new = await rotated(world, old["id"])
    again = await world.client.post(f"/v1/keys/{old['id']}/rotate", json={})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert new["id"] in again.json()["detail"]
    await world.client.delete(f"/v1/keys/{new['id']}")
    ended = await world.client.post(f"/v1/keys/{new['id']}/rotate", json={})
    assert (ended.status_code, "has ended" in ended.json()["detail"]) == (409, True)
    unknown = await world.client.post(f"/v1/keys/{ids.new('key')}/rotate", json={})
    assert unknown.status_code == 404
    for grace_s in (-1, 30 * 86_400 + 1, True, "7"):
        body = {"grace_s": grace_s}
        answer = await world.client.post(f"/v1/keys/{old['id']}/rotate", json=body)
        assert (answer.status_code, answer.json()["param"]) == (422, "grace_s")


async def test_only_an_admin_of_the_project_rotates_a_key_and_it_is_noted(world: Any) -> None:
    old = await made(world)
    path = f"/v1/keys/{old['id']}/rotate"
    assert (await world.stranger.post(path, json={})).status_code == 404
    writer = await world.as_key(old["key"])
    assert (await writer.post(path, json={})).status_code == 403
    new = await rotated(world, old["id"], grace_s=7)
    async with world.parts.reading() as session:
        query = select(Audit).where(Audit.action == "key.rotate")
        row = (await session.scalars(query)).one()
    assert (row.target, row.data) == (old["id"], {"successor": new["id"], "grace_s": "7"})


async def test_a_webhook_has_a_new_secret_and_says_how_long_the_old_one_signs(
    world: Any,
) -> None:
    hook = (await world.client.post("/v1/webhooks", json={"url": "https://h.example/"})).json()
    path = f"/v1/webhooks/{hook['id']}"
    assert (await world.stranger.post(f"{path}/rotate", json={})).status_code == 404
    made = (await world.client.post(f"{path}/rotate", json={"grace_s": 60})).json()
    assert made["secret"] != hook["secret"]
    assert made["former_secret_until"] is not None
    shown = await world.client.get(path)
    assert shown.json()["former_secret_until"] == made["former_secret_until"]
    assert made["secret"] not in shown.text
    at_once = (await world.client.post(f"{path}/rotate", json={"grace_s": 0})).json()
    assert at_once["former_secret_until"] is None
