"""Downloads: ranges, validators, digests, and the report."""

import hashlib
from typing import Any

import pytest

from app.store.rows import Artifact, Blob
from lathe import ids

pytestmark = pytest.mark.anyio
CONTENT = b"0123456789abc"  # 13 bytes


@pytest.fixture
async def made(world: Any) -> tuple[Any, str, str]:
    job_id = await world.job()
    await world.ends(job_id)
    return world, job_id, await world.artifact(job_id, CONTENT)


Made = tuple[Any, str, str]


async def test_an_artifact_is_described_and_listed(made: Made) -> None:
    world, job_id, artifact_id = made
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    body = (await world.client.get(f"/v1/artifacts/{artifact_id}")).json()
    assert (body["job"], body["size_bytes"], body["sha256"]) == (job_id, 13, sha256)
    assert (body["kind"], body["candidate"]) == ("onnx", "int8")
    page = (await world.client.get(f"/v1/jobs/{job_id}/artifacts")).json()
    assert page["items"] == [body]
    head = await world.client.head(f"/v1/artifacts/{artifact_id}")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_packed_file_is_listed_under_its_kind_and_downloaded_under_its_name(
    made: Made,
) -> None:
    world, job_id, _ = made
    media_type = "application/vnd.lathe.packed"
    artifact_id = await world.artifact(job_id, CONTENT[1:], "packed", media_type)
    page = (await world.client.get(f"/v1/jobs/{job_id}/artifacts")).json()
    assert [item["kind"] for item in page["items"]] == ["packed", "onnx"]
    answer = await world.client.get(f"/v1/artifacts/{artifact_id}/content")
    assert answer.content == CONTENT[1:]
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"].startswith(
        'attachment; filename="small_packed"'
    )


async def test_the_whole_file_comes_with_its_digest(made: Made) -> None:
    world, _, artifact_id = made
    answer = await world.client.get(f"/v1/artifacts/{artifact_id}/content")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    headers = answer.headers
    assert headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    # printf 0123456789abc | openssl dgst -sha256 -binary | base64
    assert headers["repr-digest"] == "sha-256=:j3QFFpOVReG8VFyGn1NRcKhQBOHzuS3ITIS9uJt9Uu8=:"
    assert headers["content-length"] == "13"
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-type"] == "application/onnx"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == (
        "attachment; filename=\"small_onnx\"; filename*=UTF-8''small%20onnx"
    )
    head = await world.client.head(f"/v1/artifacts/{artifact_id}/content")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "13"
    assert head.headers["etag"] == headers["etag"]


RANGES = [  # asked, status, Content-Range, content
    ("bytes=0-3", 206, "bytes 0-3/13", b"0123"),
    ("bytes=10-", 206, "bytes 10-12/13", b"abc"),
    ("bytes=-2", 206, "bytes 11-12/13", b"bc"),
    ("bytes=-99", 206, "bytes 0-12/13", CONTENT),
    ("bytes=12-99", 206, "bytes 12-12/13", b"c"),
    ("bytes=13-", 416, "bytes */13", None),
    ("bytes=-0", 416, "bytes */13", None),
    ("bytes=5-4", 200, None, CONTENT),  # not a range, so it is ignored
    ("bytes=0-1,3-4", 200, None, CONTENT),
    ("lines=1-2", 200, None, CONTENT),
    ("bytes=-", 200, None, CONTENT),
]


async def test_one_range_is_cut_out(made: Made) -> None:
    world, _, artifact_id = made
    path = f"/v1/artifacts/{artifact_id}/content"
    for asked, status, content_range, content in RANGES:
        answer = await world.client.get(path, headers={"Range": asked})
        assert answer.status_code == status, asked
        assert answer.headers.get("content-range") == content_range, asked
        if content is None:
            assert answer.json()["code"] == "range_not_satisfiable"
        else:
            assert answer.content == content, asked
            assert answer.headers["content-length"] == str(len(content))
        head = await world.client.head(path, headers={"Range": asked})
        assert (head.status_code, head.content) == (status, b""), asked


async def test_if_range_and_if_none_match_compare_the_sha256(made: Made) -> None:
    world, _, artifact_id = made
    path = f"/v1/artifacts/{artifact_id}/content"
    etag = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    fresh = await world.client.get(path, headers={"Range": "bytes=1-2", "If-Range": etag})
    assert (fresh.status_code, fresh.content) == (206, b"12")
    stale = await world.client.get(path, headers={"Range": "bytes=1-2", "If-Range": '"x"'})
    assert (stale.status_code, stale.content) == (200, CONTENT)
    for held in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        same = await world.client.get(path, headers={"If-None-Match": held})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == etag
    other = await world.client.get(path, headers={"If-None-Match": '"x"'})
    assert other.status_code == 200


async def test_a_lost_object_is_a_problem_and_no_half_answer(made: Made) -> None:
    world, _, artifact_id = made
    row = await world.get(Artifact, artifact_id)
    blob = await world.get(Blob, row.blob_id)
    await world.parts.objects.adelete(blob.key)
    answer = await world.client.get(f"/v1/artifacts/{artifact_id}/content")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_missing_artifact_is_a_problem_for_head_too(world: Any) -> None:
    path = f"/v1/artifacts/{ids.new('art')}/content"
    head = await world.client.head(path)
    assert (head.status_code, head.content) == (404, b"")


async def test_the_report_comes_when_the_job_has_one(world: Any) -> None:
    job_id = await world.job()
    path = f"/v1/jobs/{job_id}/report"
    early = await world.client.get(path)
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    await world.ends(job_id, "failed")
    never = await world.client.get(path)
    assert (never.status_code, never.json()["code"]) == (404, "not_found")
    await world.artifact(job_id, b'{"a": 1}', "report.json", "application/json")
    await world.artifact(job_id, b"<p>hi", "report.html", "text/html; charset=utf-8")
    report = await world.client.get(path)
    assert report.json() == {"a": 1}
    assert report.headers["content-disposition"].startswith("inline")
    page = await world.client.get(f"{path}.html")
    assert page.text == "<p>hi"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert "script-src" not in policy
    assert "content-security-policy" not in report.headers


async def test_measurements_are_found_across_jobs(world: Any) -> None:
    job_id = await world.job()
    one, other = await world.model(), await world.model()
    for model_id, metric, value in (
        (one, "size_bytes", 3.0),
        (one, "accuracy", 0.75),
        (other, "size_bytes", 5.0),
    ):
        await world.measurement(job_id, model_id, metric, value)

    async def found(query: str) -> list[float]:
        page = (await world.client.get(f"/v1/measurements?limit=9&{query}")).json()
        return [item["measurement"]["value"] for item in page["items"]]

    assert await found("") == [5.0, 0.75, 3.0]
    assert await found("metric=size_bytes") == [5.0, 3.0]
    assert await found(f"metric=size_bytes&model={one}") == [3.0]
    cursor = (await world.client.get("/v1/measurements")).json()["next_cursor"]
    assert await found(f"cursor={cursor}") == [3.0]
