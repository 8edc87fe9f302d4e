"""Uploads in pieces: tus 1.0 as its text says, one project apart from another, nothing lost."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from app.store.rows import Audit, Job, Upload
from tests.unit.app.routes.tus import SEVEN_SHA256, TUS, begun, offset, pairs, sent

pytestmark = pytest.mark.anyio


async def test_a_file_in_three_pieces_becomes_a_model(world: Any) -> None:
    location = await begun(world.client, 7, filename="net.onnx", sha256=SEVEN_SHA256.upper())
    for start, piece in ((0, b"ab"), (2, b"cde"), (5, b"fg")):
        assert await offset(world.client, location) == start
        answer = await sent(world.client, location, start, piece)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["upload-offset"] == str(start + len(piece))
        assert answer.headers["upload-expires"].endswith(" GMT")
    upload_id = location.removeprefix("/v1/uploads/")
    view = (await world.client.get(location)).json()
    assert (view["state"], view["offset_bytes"], view["length_bytes"]) == ("checked", 7, 7)
    made = await world.client.post(f"/v1/models?upload={upload_id}")
    body = made.json()
    assert made.status_code == 201, body
    assert (body["name"], body["state"], body["size_bytes"]) == ("net.onnx", "pending", 7)
    assert body["sha256"] == SEVEN_SHA256
    assert [path.read_bytes() for path in world.stored_objects()] == [b"abcdefg"]
    job = await world.get(Job, body["inspection_job"])
    assert (job.model_id, job.queue) == (body["id"], "intake")
    again = await world.client.post(f"/v1/models?upload={upload_id}")
    assert (again.status_code, again.json()["id"]) == (201, body["id"])
    other = await world.client.post(f"/v1/datasets?upload={upload_id}")
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert body["id"] in other.json()["detail"]
    view = (await world.client.get(location)).json()
    assert (view["state"], view["used_by"]) == ("used", body["id"])


async def test_the_service_says_what_it_speaks_without_a_key(world: Any) -> None:
    for address in ("/v1/uploads", "/v1/uploads/upl_any"):
        answer = await world.client.options(address, headers={"Authorization": ""})
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,expiration,termination"
        assert answer.headers["tus-max-size"] == "6000"


async def test_every_answer_says_the_version_and_another_one_is_refused(world: Any) -> None:
    answer = await world.client.post("/v1/uploads", headers={"Upload-Length": "3"})
    assert (answer.status_code, answer.json()["code"]) == (412, "wrong_protocol")
    assert answer.headers["tus-version"] == "1.0.0"
    none = await world.client.head("/v1/uploads/upl_none", headers=TUS)
    assert (none.status_code, none.headers["tus-resumable"]) == (404, "1.0.0")
    newer = {"Tus-Resumable": "2.0.0", "Upload-Length": "3"}
    assert (await world.client.post("/v1/uploads", headers=newer)).status_code == 412


@pytest.mark.parametrize(
    ("headers", "status", "param"),
    [
        ({}, 400, "Upload-Length"),
        ({"Upload-Length": "-1"}, 400, "Upload-Length"),
        ({"Upload-Length": "0"}, 400, "Upload-Length"),
        ({"Upload-Length": "6001"}, 413, "Upload-Length"),
        ({"Upload-Defer-Length": "1"}, 400, "Upload-Length"),
        ({"Upload-Length": "7", "Upload-Metadata": "filename ???"}, 400, "Upload-Metadata"),
        ({"Upload-Length": "7", "Upload-Metadata": "a b c"}, 400, "Upload-Metadata"),
        ({"Upload-Length": "7", "Upload-Metadata": b"a \xdc"}, 400, "Upload-Metadata"),
        ({"Upload-Length": "7", "Upload-Metadata": pairs(sha256="12")}, 400, "sha256"),
        ({"Upload-Length": "7", "Upload-Metadata": "a " + "A" * 4000}, 400, "Upload-Metadata"),
    ],
)
async def test_what_cannot_be_announced_is_refused(
    world: Any, headers: dict[str, str], status: int, param: str
) -> None:
    answer = await world.client.post("/v1/uploads", headers={**TUS, **headers})
    assert (answer.status_code, answer.json()["param"]) == (status, param)
    async with world.parts.reading() as session:
        assert await session.scalar(select(Upload)) is None


async def test_bytes_at_the_wrong_place_or_too_many_are_refused_and_change_nothing(
    world: Any,
) -> None:
    location = await begun(world.client, 7)
    await sent(world.client, location, 0, b"abc")
    for start in (0, 2, 4):
        answer = await sent(world.client, location, start, b"defg")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "3 bytes" in answer.json()["detail"]
    many = await sent(world.client, location, 3, b"defgh")
    assert (many.status_code, many.json()["code"]) == (413, "too_large")
    plain = await sent(world.client, location, 3, b"defg", **{"Content-Type": "text/plain"})
    assert (plain.status_code, plain.json()["code"]) == (415, "wrong_media_type")
    nowhere = await sent(world.client, location, 3, b"defg", **{"Upload-Offset": "three"})
    assert nowhere.status_code == 400
    assert await offset(world.client, location) == 3
    assert (await sent(world.client, location, 3, b"defg")).status_code == 204
    assert (await sent(world.client, location, 7, b"h")).status_code in {409, 413}
    assert [path.read_bytes() for path in world.stored_objects()] == [b"abcdefg"]


async def test_a_body_of_no_announced_length_is_cut_where_the_file_ends(world: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for piece in (b"abc", b"def", b"ghi", b"jkl"):
            yield piece

    location = await begun(world.client, 7)
    answer = await sent(world.client, location, 0, endless())
    assert answer.status_code == 413
    assert await offset(world.client, location) == 6
    assert (await sent(world.client, location, 6, b"g")).status_code == 204


async def test_an_upload_that_is_given_up_is_gone_with_its_bytes(world: Any) -> None:
    location = await begun(world.client, 7)
    await sent(world.client, location, 0, b"abc")
    assert (await world.client.delete(location, headers=TUS)).status_code == 204
    assert (await world.client.head(location, headers=TUS)).status_code == 404
    assert (await sent(world.client, location, 3, b"defg")).status_code == 404
    assert (await world.client.delete(location, headers=TUS)).status_code == 404
    assert world.stored_objects() == []
    async with world.parts.reading() as session:
        actions = list(await session.scalars(select(Audit.action).order_by(Audit.at)))
    assert actions == ["upload.create", "upload.delete"]


async def test_a_method_may_be_said_in_a_header(world: Any) -> None:
    location = await begun(world.client, 7)
    headers = {
        **TUS,
        "X-HTTP-Method-Override": "PATCH",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    answer = await world.client.post(location, headers=headers, content=b"abc")
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "3")


async def test_what_the_client_told_is_told_back(world: Any) -> None:
    told = pairs(filename="n\u00e4t.onnx", anything="else")
    headers = {**TUS, "Upload-Length": "7", "Upload-Metadata": told}
    made = await world.client.post("/v1/uploads", headers=headers)
    assert made.json()["filename"] == "n\u00e4t.onnx"
    answer = await world.client.head(made.headers["location"], headers=TUS)
    assert answer.headers["upload-metadata"] == told
    assert answer.headers["upload-length"] == "7"


async def test_the_document_describes_it(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert paths["/v1/uploads"].keys() == {"get", "post", "options"}
    assert paths["/v1/uploads/{upload_id}"].keys() == {"get", "head", "patch", "delete"}
    patch = paths["/v1/uploads/{upload_id}"]["patch"]
    assert "application/offset+octet-stream" in patch["requestBody"]["content"]
    assert {"204", "404", "409", "412", "413", "415", "423", "507"} <= patch["responses"].keys()
    names = {each["name"] for each in paths["/v1/models"]["post"]["parameters"]}
    assert {"upload", "name", "wait"} <= names
