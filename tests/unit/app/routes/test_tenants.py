"""Keys, scopes, projects, and that no tenant sees another."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.store import tenants
from app.store.bootstrap import bootstrap
from app.store.rows import ApiKey, Audit, SigningKey
from app.store.rows.base import utc_now
from lathe.ids import is_id

pytestmark = pytest.mark.anyio


async def test_without_a_known_key_there_is_no_entry(world: Any) -> None:
    unknown = "lt_01jzzzzzzzzzzzzzzzzzzzzzzz_secret"
    for header in ("", "Basic bHQ6eA==", "Bearer nonsense", f"Bearer {unknown}"):
        answer = await world.client.get("/v1/models", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] == "unauthenticated"


async def test_the_right_id_with_another_secret_is_refused(world: Any) -> None:
    wrong = world.key[:-1] + ("A" if world.key[-1] != "A" else "B")
    client = await world.as_key(wrong)
    assert (await client.get("/v1/models")).status_code == 401


async def test_the_secret_is_stored_as_its_hash_only(world: Any) -> None:
    async with world.parts.reading() as session:
        rows = (await session.scalars(select(ApiKey))).all()
    secret = world.key.split("_", 2)[2]
    assert len(secret) == 43  # 32 bytes in base64url
    assert tenants.hash_of(secret) in {row.secret_sha256 for row in rows}
    assert all(secret not in str(vars(row)) for row in rows)


async def test_a_revoked_key_stops_at_once_and_an_expired_one_too(world: Any) -> None:
    made = await world.client.post("/v1/keys", json={"name": "ci", "scopes": ["read"]})
    assert made.status_code == 201
    client = await world.as_key(made.json()["key"])
    assert (await client.get("/v1/models")).status_code == 200
    key_id = made.json()["id"]
    world.parts.keys.forget(key_id)  # as a process that has not seen it lately
    async with world.parts.writing() as session:
        past = utc_now() - timedelta(seconds=1)
        expires = update(ApiKey).where(ApiKey.id == key_id).values(expires_at=past)
        await session.execute(expires)
    assert "expired" in (await client.get("/v1/models")).json()["detail"]
    for _ in range(2):  # revoking twice is as good as once
        assert (await world.client.delete(f"/v1/keys/{key_id}")).status_code == 204
    assert "revoked" in (await client.get("/v1/models")).json()["detail"]


async def test_a_wider_scope_implies_the_narrower(world: Any) -> None:
    for scope, statuses in (
        ("read", (200, 403, 403)),
        ("write", (200, 400, 403)),
        ("admin", (200, 400, 200)),
    ):
        made = await world.client.post("/v1/keys", json={"name": "k", "scopes": [scope]})
        client = await world.as_key(made.json()["key"])
        answers = [
            await client.get("/v1/models"),
            await client.post("/v1/models"),  # an empty body: 400 once it may write at all
            await client.get("/v1/keys"),
        ]
        assert tuple(answer.status_code for answer in answers) == statuses


async def test_a_new_project_has_its_own_admin_key_and_sees_nothing_else(world: Any) -> None:
    await world.model()
    made = await world.client.post("/v1/projects", json={"name": "vision"})
    assert made.status_code == 201
    body = made.json()
    assert is_id("prj", body["id"])
    assert body["key"]["project"] == body["id"]
    client = await world.as_key(body["key"]["key"])
    assert [p["name"] for p in (await client.get("/v1/projects")).json()["items"]] == ["vision"]
    assert (await client.get("/v1/models")).json()["items"] == []
    keys = (await client.get("/v1/keys")).json()["items"]
    assert [key["id"] for key in keys] == [body["key"]["id"]]
    assert "key" not in keys[0]
    again = await world.client.post("/v1/projects", json={"name": "vision"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_a_key_cannot_be_made_to_expire_in_the_past(world: Any) -> None:
    body = {"name": "k", "expires_at": "2020-01-02T03:04:05Z"}
    answer = await world.client.post("/v1/keys", json=body)
    assert (answer.status_code, answer.json()["param"]) == (422, "expires_at")


async def test_every_write_leaves_a_trace_with_key_and_request(world: Any) -> None:
    made = await world.client.post(
        "/v1/keys", json={"name": "ci"}, headers={"X-Request-ID": "abc-1"}
    )
    async with world.parts.reading() as session:
        row = (await session.scalars(select(Audit))).one()
    assert (row.action, row.target, row.request_id) == (
        "key.create",
        made.json()["id"],
        "abc-1",
    )
    assert row.key_id == "key_" + world.key.split("_")[1]


async def test_the_first_key_is_made_exactly_once(world: Any) -> None:
    assert bootstrap(world.parts.settings.database_url) is None


async def told(world: Any) -> str:
    """A webhook that is to be pinged."""
    made = await world.client.post("/v1/webhooks", json={"url": "https://hooks.example/"})
    webhook_id: str = made.json()["id"]
    await world.client.post(f"/v1/webhooks/{webhook_id}/test")
    return webhook_id


async def begun(world: Any) -> str:
    """An upload that is announced."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
    made = await world.client.post("/v1/uploads", headers=headers)
    upload_id: str = made.headers["Location"].rpartition("/")[2]
    return upload_id


ALIKE = {"/v1/techniques", "/v1/recipes", "/v1/workers", "/v1/signing-keys"}  # for all


async def test_no_get_route_shows_what_another_project_has(
    world: Any, document: dict[str, Any]
) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    values = {
        "model_id": await world.model(),
        "dataset_id": await world.dataset(),
        "job_id": job_id,
        "artifact_id": await world.artifact(job_id, b"{}", "report.json"),
        "webhook_id": await told(world),
        "upload_id": await begun(world),
        "key_id": "latest",
    }
    await world.add(SigningKey(id="a" * 64, public_key="PEM"))
    await world.artifact(job_id, b"<p>", "report.html", "text/html")
    await world.measurement(job_id, values["model_id"], "size_bytes", 3.0)
    for template in gets(document):
        path = template.format(**values)
        mine, theirs = await world.client.get(path), await world.stranger.get(path)
        assert mine.status_code == 200, path
        if template == "/v1/signing-keys/{key_id}/pem":  # public, the same for all
            assert theirs.text == mine.text == "PEM"
        elif template != path:
            assert (theirs.status_code, theirs.json()["code"]) == (404, "not_found"), path
        elif path in ALIKE:
            assert theirs.json() == mine.json()
        elif path == "/v1/usage":
            assert mine.json()["stored"]["total"] > 0
            assert set(theirs.json()["stored"].values()) == {0}
            assert set(theirs.json()["jobs"].values()) == {0}
        elif path in {"/v1/projects", "/v1/keys"}:
            assert {each["id"] for each in mine.json()["items"]}.isdisjoint(
                each["id"] for each in theirs.json()["items"]
            )
        else:
            assert mine.json()["items"], path
            assert theirs.json()["items"] == [], path


async def test_another_projects_things_can_be_neither_changed_nor_used(world: Any) -> None:
    job_id, model_id, dataset_id = await world.job(), await world.model(), await world.dataset()
    spec = {"model": model_id, "pipeline": [{"technique": "quantize.dynamic"}]}
    key_id = "key_" + world.key.split("_")[1]
    stranger = world.stranger
    for answer in (
        await stranger.post(f"/v1/jobs/{job_id}/cancel"),
        await stranger.post(f"/v1/jobs/{job_id}/retry"),
        await stranger.post("/v1/jobs", json=spec),
        await stranger.delete(f"/v1/models/{model_id}"),
        await stranger.delete(f"/v1/datasets/{dataset_id}"),
        await stranger.delete(f"/v1/keys/{key_id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await world.client.get(f"/v1/jobs/{job_id}")).json()["display_state"] == "queued"


def gets(document: dict[str, Any]) -> list[str]:
    found = [path for path, item in document["paths"].items() if "get" in item]
    versioned = [path for path in found if path.startswith("/v1/")]
    assert len(versioned) >= 16
    return versioned
