"""Models and data sets by reference: rows at once, bytes later, signatures nowhere."""

from typing import Any

import pytest
from sqlalchemy import select

from app.store.rows import Audit, Dataset, Job, Model
from lathe.states import JobState

pytestmark = pytest.mark.anyio
URL = "https://files.example/nets/edge.onnx"
SIGNED = f"{URL}?X-Amz-Signature=c0ffee"


async def named(world: Any, path: str = "/v1/models", **body: Any) -> dict[str, Any]:
    answer = await world.client.post(path, json={"source": URL, **body})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_named_model_is_pending_before_it_has_any_bytes(world: Any) -> None:
    model = await named(world, sha256="AB" * 32)
    assert (model["state"], model["size_bytes"], model["sha256"]) == ("pending", None, None)
    assert (model["source"], model["name"]) == (URL, "edge.onnx")
    one = await world.client.get(f"/v1/models/{model['id']}")
    every = await world.client.get("/v1/models")
    assert one.json() == every.json()["items"][0] == model
    row = await world.get(Model, model["id"])
    assert (row.fetch_url, row.fetch_sha256) == (URL, "ab" * 32)
    job = await world.get(Job, model["inspection_job"])
    assert (job.kind, job.queue, job.spec_version) == ("inspect", "intake", 3)
    assert world.hints.queues == ["intake"]
    assert (await world.client.get(f"/v1/models/{model['id']}/content")).status_code == 409


async def test_a_named_data_set_keeps_what_was_said_of_it(world: Any) -> None:
    query = '?name=mine&layout={"label":"species"}'
    data = await named(world, f"/v1/datasets{query}", name="other")
    assert (data["name"], data["source"], data["size_bytes"]) == ("mine", URL, None)
    assert (await world.get(Dataset, data["id"])).layout == {"label": "species"}
    assert (await world.client.get("/v1/datasets")).json()["items"] == [data]


async def test_a_signature_is_shown_nowhere(world: Any) -> None:
    model = await named(world, source=SIGNED)
    assert model["source"] == URL
    for path in ("", f"/{model['id']}"):
        assert "c0ffee" not in (await world.client.get(f"/v1/models{path}")).text
    job = f"/v1/jobs/{model['inspection_job']}"
    for path in (job, f"{job}/events"):
        assert "c0ffee" not in (await world.client.get(path)).text
    async with world.parts.reading() as session:
        rows = (await session.scalars(select(Audit))).all()
    assert all("c0ffee" not in str(vars(row)) for row in rows)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"source": "https://127.0.0.1/m"}, "address_refused", "source"),
        ({"source": "https://169.254.169.254/m"}, "address_refused", "source"),
        ({"source": "s3://anything/m"}, "address_refused", "source"),
        ({"source": "https://u:p@files.example/m"}, "address_refused", "source"),
        ({"source": ""}, "invalid_request", "source"),
        ({"source": URL, "sha256": "ab"}, "invalid_request", "sha256"),
        ({"source": URL, "password": "x"}, "invalid_request", "password"),
        ({}, "invalid_request", "source"),
    ],
)
async def test_what_cannot_be_fetched_is_refused_at_once_by_field(
    world: Any, body: dict[str, Any], code: str, param: str
) -> None:
    for path in ("/v1/models", "/v1/datasets"):
        answer = await world.client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["param"] == param
    async with world.parts.reading() as session:
        assert (await session.scalars(select(Model))).all() == []


async def test_what_is_no_json_object_is_malformed_or_invalid(world: Any) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    for content, status in ((b"{", 400), (b"[]", 422), (b"\xff", 400)):
        answer = await world.client.post("/v1/models", content=content, headers=headers)
        assert answer.status_code == status


async def test_a_cancelled_fetch_keeps_a_plain_address_for_a_retry_and_no_signed_one(
    world: Any,
) -> None:
    for source, status in ((URL, 202), (SIGNED, 409)):
        model = await named(world, source=source)
        job = f"/v1/jobs/{model['inspection_job']}"
        assert (await world.client.post(f"{job}/cancel")).status_code == 200
        shown = (await world.client.get(f"/v1/models/{model['id']}")).json()
        assert (shown["state"], shown["source"]) == ("rejected", URL)
        again = await world.client.post(f"{job}/retry")
        assert again.status_code == status
        if status == 202:
            retried = await world.get(Job, again.json()["id"])
            assert (retried.state, retried.spec_version) == (JobState.QUEUED, 3)
        else:
            assert (await world.get(Model, model["id"])).fetch_url is None


async def test_a_named_model_can_be_deleted_once_its_job_is_over(world: Any) -> None:
    model = await named(world)
    path = f"/v1/models/{model['id']}"
    assert (await world.client.delete(path)).status_code == 409
    await world.client.post(f"/v1/jobs/{model['inspection_job']}/cancel")
    assert (await world.client.delete(path)).status_code == 204
    assert (await world.stranger.get(path)).status_code == 404


async def test_a_key_that_only_reads_names_nothing(world: Any) -> None:
    key = await world.client.post("/v1/keys", json={"name": "r", "scopes": ["read"]})
    reader = await world.as_key(key.json()["key"])
    assert (await reader.post("/v1/models", json={"source": URL})).status_code == 403
