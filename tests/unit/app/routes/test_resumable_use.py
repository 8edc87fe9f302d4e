"""An upload in pieces becomes a model or a data set, once, whole and within limits."""

import asyncio
from typing import Any

import pytest

from app.store.rows import Blob, Dataset
from tests.unit.app.routes.tus import SEVEN_SHA256, TUS, begun, sent

pytestmark = pytest.mark.anyio


async def test_a_data_set_too_and_what_is_there_already_is_not_kept_twice(world: Any) -> None:
    first = await world.client.post("/v1/datasets?name=whole", content=b"abcdefg")
    location = await begun(world.client, 7)
    await sent(world.client, location, 0, b"abcdefg")
    query = {"upload": location.rpartition("/")[2], "transforms": '{"x": {"scale": 2}}'}
    second = await world.client.post("/v1/datasets", params=query)
    assert second.status_code == 201, second.text
    assert second.json()["id"] != first.json()["id"]
    assert len(world.stored_objects()) == 1
    row = await world.get(Dataset, second.json()["id"])
    blob = await world.get(Blob, row.upload_blob_id)
    assert (world.objects / blob.key).read_bytes() == b"abcdefg"
    assert row.transforms["x"]["scale"] == 2


async def test_an_upload_is_used_when_it_is_whole_and_not_before(world: Any) -> None:
    location = await begun(world.client, 7)
    await sent(world.client, location, 0, b"abc")
    address = f"/v1/models?upload={location.rpartition('/')[2]}"
    early = await world.client.post(address)
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    assert "3 of 7" in early.json()["detail"]
    both = await world.client.post(address, content=b"bytes")
    assert (both.status_code, both.json()["param"]) == (400, "upload")
    await sent(world.client, location, 3, b"defg")
    other = await world.client.post(address, headers={"X-Content-SHA256": "0" * 64})
    assert (other.status_code, SEVEN_SHA256 in other.text) == (400, True)
    unread = await world.client.post(address, headers={"X-Content-SHA256": "TRUE"})
    assert (unread.status_code, unread.json()["param"]) == (400, "X-Content-SHA256")
    promised = await world.client.post(address, headers={"X-Content-SHA256": SEVEN_SHA256})
    assert promised.status_code == 201
    wrong = await world.client.post("/v1/models?upload=mdl_1")
    assert (wrong.status_code, wrong.json()["param"]) == (422, "upload")


async def test_who_asks_again_before_the_first_answer_gets_the_same_model(world: Any) -> None:
    location = await begun(world.client, 7)
    await sent(world.client, location, 0, b"abcdefg")
    address = f"/v1/models?upload={location.rpartition('/')[2]}"
    answers = await asyncio.gather(*(world.client.post(address) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await world.client.post(address.replace("models", "datasets"))
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


async def test_a_model_has_its_own_limit_within_the_larger_one_of_data(world: Any) -> None:
    location = await begun(world.client, 5001)
    await sent(world.client, location, 0, b"a" * 5001)
    upload_id = location.rpartition("/")[2]
    answer = await world.client.post(f"/v1/models?upload={upload_id}")
    assert (answer.status_code, answer.json()["param"]) == (413, "upload")
    assert (await world.client.post(f"/v1/datasets?upload={upload_id}")).status_code == 201


async def test_a_project_has_so_many_unfinished_uploads_and_no_more(world: Any) -> None:
    most = world.parts.settings.max_open_uploads
    for _ in range(most):
        location = await begun(world.client, 7)
    headers = {**TUS, "Upload-Length": "7"}
    full = await world.client.post("/v1/uploads", headers=headers)
    assert (full.status_code, full.json()["code"]) == (429, "quota_reached")
    assert str(most) in full.json()["detail"]
    assert (await world.stranger.post("/v1/uploads", headers=headers)).status_code == 201
    await sent(world.client, location, 0, b"abcdefg")
    await world.client.post(f"/v1/models?upload={location.rpartition('/')[2]}")
    await begun(world.client, 7)


async def test_bytes_that_were_not_promised_are_refused_and_not_kept(world: Any) -> None:
    location = await begun(world.client, 7, sha256="0" * 64)
    answer = await sent(world.client, location, 0, b"abcdefg")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert SEVEN_SHA256 in answer.json()["detail"]
    assert world.stored_objects() == []
    used = await world.client.post(f"/v1/models?upload={location.rpartition('/')[2]}")
    assert (used.status_code, SEVEN_SHA256 in used.text) == (400, True)
    assert (await world.client.head(location, headers=TUS)).status_code == 404
    assert (await world.client.get(location)).json()["state"] == "damaged"


async def test_another_project_sees_nothing_of_it(world: Any) -> None:
    location = await begun(world.client, 7)
    await sent(world.client, location, 0, b"abcdefg")
    upload_id = location.rpartition("/")[2]
    stranger = world.stranger
    assert (await stranger.get(location)).status_code == 404
    assert (await stranger.head(location, headers=TUS)).status_code == 404
    assert (await sent(stranger, location, 7, b"")).status_code == 404
    assert (await stranger.delete(location, headers=TUS)).status_code == 404
    assert (await stranger.post(f"/v1/models?upload={upload_id}")).status_code == 404
    assert (await stranger.get("/v1/uploads")).json()["items"] == []
    listed = (await world.client.get("/v1/uploads")).json()["items"]
    assert [(each["id"], each["offset_bytes"]) for each in listed] == [(upload_id, 7)]
    assert (await world.client.get(location, headers={"Authorization": ""})).status_code == 401
