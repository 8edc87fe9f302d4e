"""Liveness, readiness, metrics, request ids, and the OpenAPI document."""

from typing import Any

import pytest
from sqlalchemy import text

from app.store.rows import Worker
from app.store.rows.base import utc_now

pytestmark = pytest.mark.anyio


async def test_readiness_names_what_is_down(world: Any) -> None:
    anyone = {"Authorization": ""}
    ready = await world.client.get("/readyz", headers=anyone)
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    world.hints.down = True
    degraded = await world.client.get("/readyz")
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
    assert degraded.json()["broker"] == {
        "ok": False,
        "why": "the broker does not answer (played)",
    }
    world.objects.rename(world.objects.with_name("moved"))
    down = await world.client.get("/readyz")
    assert (down.status_code, down.json()["status"]) == (503, "unavailable")
    assert (down.json()["objects"]["ok"], down.json()["database"]["ok"]) == (False, True)


async def test_walls_that_a_serving_worker_lacks_degrade_and_are_named(world: Any) -> None:
    now = utc_now()
    well = {"mode": "required", "landlock_abi": 7, "seccomp": True, "missing": []}
    bare = {"mode": "auto", "landlock_abi": 0, "seccomp": True, "missing": ["landlock (files)"]}
    known: dict[str, Any] = {"queues": ["cpu"], "device": "cpu", "memory_bytes": 1}
    await world.add(
        Worker(name="well", facts={"sandbox": well}, **known),
        Worker(name="gone", facts={"sandbox": bare}, stopped_at=now, seen_at=now, **known),
        Worker(name="silent", queues=[], device="cpu", memory_bytes=1),
    )
    ready = (await world.client.get("/readyz")).json()
    assert (ready["status"], ready["sandbox"]) == ("ready", {"ok": True, "why": None})
    older_off = {"mode": "off", "landlock_abi": 7, "seccomp": True}
    await world.add(
        Worker(name="bare", facts={"sandbox": bare}, **known),
        Worker(name="off", facts={"sandbox": older_off}, **known),
    )
    answer = await world.client.get("/readyz", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["sandbox"] == {
        "ok": False,
        "why": "walls are missing around the jobs of 2 of 3 workers: "
        "all of them (LATHE_SANDBOX=off): 1; landlock (files): 1",
    }


async def test_a_database_without_tables_is_not_ready(world: Any) -> None:
    async with world.parts.writing() as session:
        await session.execute(text("ALTER TABLE projects RENAME TO gone"))
    answer = await world.client.get("/readyz")
    assert (answer.status_code, answer.json()["database"]["ok"]) == (503, False)
    alive = await world.client.get("/healthz")
    assert (alive.status_code, alive.json()["status"]) == (200, "ok")


async def test_metrics_count_jobs_by_state_and_queue(world: Any) -> None:
    await world.job()
    await world.ends(await world.job(), "failed")
    await world.client.post("/v1/models", content=b"abc")
    lines = (await world.client.get("/metrics")).text.splitlines()
    assert 'lathe_jobs{queue="cpu",state="queued"} 1.0' in lines
    assert 'lathe_jobs{queue="cpu",state="failed"} 1.0' in lines
    assert 'lathe_jobs{queue="intake",state="queued"} 1.0' in lines


async def test_a_request_id_is_taken_where_it_is_plain_and_made_where_not(world: Any) -> None:
    given = await world.client.get("/healthz", headers={"X-Request-ID": "trace-7.a"})
    assert given.headers["x-request-id"] == "trace-7.a"
    for odd in ("a b", "x" * 65, "new\tline"):
        answer = await world.client.get("/healthz", headers={"X-Request-ID": odd})
        assert answer.headers["x-request-id"].startswith("req_")


async def test_what_is_not_there_is_a_problem_too(world: Any) -> None:
    for method, path, status, code in (
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/models/" + "x" * 900, 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
    ):
        answer = await world.client.request(method, path)
        body = answer.json()
        assert answer.status_code == body["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert (body["code"], body["class"]) == (code, "invalid_request")
        assert body["instance"].startswith(path[:200])
        assert len(answer.content) < 1500
        assert body["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "offered"),
    [
        ("/v1/models", "GET, POST"),
        ("/v1/models/mdl_x/content", "GET, HEAD"),
        ("/v1/uploads/upl_x", "GET, HEAD, PATCH, DELETE, OPTIONS"),
    ],
)
async def test_a_method_that_is_not_offered_is_told_every_one_that_is(
    world: Any, path: str, offered: str
) -> None:
    answer = await world.client.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, offered)


def test_the_document_says_that_a_key_without_the_scope_may_not_write(
    document: dict[str, Any],
) -> None:
    reads_with_post = {"validate_job"}
    for item in document["paths"].values():
        for method, operation in item.items():
            writes = method in {"post", "patch", "delete", "put"}
            if writes and operation["operationId"] not in reads_with_post:
                assert "403" in operation["responses"], operation["operationId"]


def test_the_document_says_how_every_file_is_answered(document: dict[str, Any]) -> None:
    for path, media_type in (
        ("/v1/models/{model_id}/content", "application/onnx"),
        ("/v1/artifacts/{artifact_id}/content", "*/*"),
        ("/v1/jobs/{job_id}/report", "application/json"),
        ("/v1/jobs/{job_id}/report.html", "text/html"),
    ):
        answers = document["paths"][path]["get"]["responses"]
        assert {"200", "206", "304", "404", "416"} <= answers.keys()
        assert list(answers["200"]["content"]) == [media_type], path
        assert list(answers["206"]["content"]) == [media_type], path


WITHOUT_KEY = {"describe_uploads"}  # tus asks for its versions before anything else


def test_the_document_names_every_operation_once_and_its_problems(
    document: dict[str, Any],
) -> None:
    assert document["openapi"].startswith("3.1")
    operations = [
        (path, operation)
        for path, item in document["paths"].items()
        for operation in item.values()
    ]
    names = [operation["operationId"] for _, operation in operations]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.islower() for name in names)
    for path, operation in operations:
        if path.startswith("/v1/") and operation["operationId"] not in WITHOUT_KEY:
            problem = operation["responses"]["401"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert operation["security"] == [{"HTTPBearer": []}]
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert {"class", "code", "retryable", "param"} <= schemas["Problem"]["properties"].keys()
    body = document["paths"]["/v1/jobs:validate"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["$ref"].endswith("/JobSpec")
    for reference in references(document):
        _, components, kind, name = reference.split("/")
        assert name in document[components][kind], reference


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [r for each in value.values() for r in references(each)]
    return [r for each in value for r in references(each)] if isinstance(value, list) else []
