"""Uploads in pieces: tus 1.0 as its text says, one project apart from another, nothing lost."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from starlette.requests import ClientDisconnect

from app.store import transfers
from app.store.db import sessions, sync_engine
from app.store.rows import Audit, Blob, Dataset, Job, Model, Upload
from app.store.rows.base import utc_now

pytestmark = pytest.mark.anyio
TUS = {"Tus-Resumable": "1.0.0"}
SEVEN_SHA256 = hashlib.sha256(b"abcdefg").hexdigest()


def pairs(**values: str) -> str:
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


async def begun(client: httpx.AsyncClient, length: int, **metadata: str) -> str:
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": pairs(**metadata)}
    answer = await client.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


async def sent(
    client: httpx.AsyncClient, location: str, offset: int, body: Any, **more: str
) -> httpx.Response:
    headers = {
        **TUS,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        **more,
    }
    return await client.patch(location, headers=headers, content=body)


async def offset(client: httpx.AsyncClient, location: str) -> int:
    answer = await client.head(location, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def left_behind(path: Path, content: bytes) -> None:
    """As a process that was killed leaves it."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


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


async def test_two_requests_at_once_cannot_mix_their_bytes(world: Any) -> None:
    location = await begun(world.client, 7)
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"abc"
        await go_on.wait()
        yield b"defg"

    first = asyncio.create_task(sent(world.client, location, 0, slow()))
    path = world.objects / (await world.get(Upload, location.rpartition("/")[2])).stage_key
    await until(path.exists)
    second = await sent(world.client, location, 0, b"ABCDEFG")
    assert (second.status_code, second.json()["code"]) == (423, "locked")
    assert second.headers["retry-after"] == "1"
    go_on.set()
    assert (await first).status_code == 204
    assert path.read_bytes() == b"abcdefg"


async def test_what_came_before_a_cut_is_kept(world: Any) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield b"abcde"
        raise ClientDisconnect

    location = await begun(world.client, 7, sha256=SEVEN_SHA256)
    assert (await sent(world.client, location, 0, cut())).status_code == 400
    assert await offset(world.client, location) == 5
    assert (await sent(world.client, location, 5, b"fg")).status_code == 204


async def test_a_silent_client_does_not_keep_others_out(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(world.parts.settings.__dict__, "upload_idle_s", 0.05)

    async def silent() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.Event().wait()

    location = await begun(world.client, 7)
    answer = await sent(world.client, location, 0, silent())
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert await offset(world.client, location) == 3


async def test_a_full_disk_keeps_what_fitted(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, 4

    def until_full(file: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(28, "No space left on device")
        fits = write(file, bytes(data)[:room])
        room -= fits
        return fits

    location = await begun(world.client, 7, sha256=SEVEN_SHA256)
    monkeypatch.setattr("app.store.blobs.write_all.os.write", until_full)
    full = await sent(world.client, location, 0, b"abcdefg")
    assert (full.status_code, full.json()["code"]) == (507, "out_of_disk")
    assert await offset(world.client, location) == 4
    room = 99
    assert (await sent(world.client, location, 4, b"efg")).status_code == 204


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


async def test_bytes_that_another_process_received_are_read_through(world: Any) -> None:
    location = await begun(world.client, 7, sha256=SEVEN_SHA256)
    row = await world.get(Upload, location.rpartition("/")[2])
    left_behind(world.objects / row.stage_key, b"abcd")
    assert await offset(world.client, location) == 4
    assert (await sent(world.client, location, 4, b"efg")).status_code == 204
    assert (await world.client.get(location)).json()["sha256"] == SEVEN_SHA256


async def test_a_process_that_died_before_the_check_leaves_it_to_the_next(world: Any) -> None:
    location = await begun(world.client, 7, sha256="1" * 64)
    upload_id = location.rpartition("/")[2]
    row = await world.get(Upload, upload_id)
    left_behind(world.objects / row.stage_key, b"abcdefg")
    assert (await world.client.get(location)).json()["state"] == "whole"
    answer = await world.client.post(f"/v1/models?upload={upload_id}")
    assert (answer.status_code, SEVEN_SHA256 in answer.text) == (400, True)
    async with world.parts.reading() as session:
        assert await session.scalar(select(Model)) is None


async def test_the_sweep_takes_what_expired_and_spares_what_became_a_blob(
    world: Any, settings: Any
) -> None:
    abandoned, used, kept = [await begun(world.client, 7) for _ in range(3)]
    for location, body in ((abandoned, b"abc"), (used, b"abcdefg"), (kept, b"ab")):
        await sent(world.client, location, 0, body)
    made = await world.client.post(f"/v1/models?upload={used.rpartition('/')[2]}")
    blob_id = (await world.get(Model, made.json()["id"])).upload_blob_id
    async with world.parts.writing() as session:
        ids = [each.rpartition("/")[2] for each in (abandoned, used)]
        await session.execute(
            update(Upload).where(Upload.id.in_(ids)).values(expires_at=utc_now())
        )
    assert (await world.client.head(abandoned, headers=TUS)).status_code == 404
    left = (await world.get(Upload, abandoned.rpartition("/")[2])).stage_key
    engine = sync_engine(settings.database_url)
    with sessions(engine).begin() as sync:
        taken = transfers.take_expired(sync)
    engine.dispose()
    assert [(each.stage_key, each.key) for each in taken] == [(left, None)]
    assert await world.get(Upload, used.rpartition("/")[2]) is None
    assert (await world.get(Blob, blob_id)) is not None
    assert await offset(world.client, kept) == 2


async def test_the_document_describes_it(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert paths["/v1/uploads"].keys() == {"get", "post", "options"}
    assert paths["/v1/uploads/{upload_id}"].keys() == {"get", "head", "patch", "delete"}
    patch = paths["/v1/uploads/{upload_id}"]["patch"]
    assert "application/offset+octet-stream" in patch["requestBody"]["content"]
    assert {"204", "404", "409", "412", "413", "415", "423", "507"} <= patch["responses"].keys()
    names = {each["name"] for each in paths["/v1/models"]["post"]["parameters"]}
    assert {"upload", "name", "wait"} <= names
