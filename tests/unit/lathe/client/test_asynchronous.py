"""Both clients say the same things to the service and have the same methods."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from lathe import ids
from lathe.client import AsyncClient, Client, Unreachable

NOW = "2026-01-02T03:04:05Z"
Answer = Callable[[httpx.Request], httpx.Response]


def public(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_the_methods_of_both_are_called_alike_and_answer_alike() -> None:
    blocking, awaited = public(Client), public(AsyncClient)
    assert blocking == awaited
    assert all(inspect.iscoroutinefunction(getattr(AsyncClient, name)) for name in awaited)


def test_an_upload_is_awaited_from_its_first_byte_to_its_inspection(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"abc")
    seen: list[tuple[str, str, bytes]] = []
    job, model = ids.new("job"), ids.new("mdl")
    states = iter(["pending", "ready"])

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.path, request.content))
        if request.url.path.startswith("/v1/jobs"):
            view = {"id": job, "kind": "inspect", "state": "succeeded", "queue": "intake"}
            view |= {"display_state": "succeeded", "created_at": NOW}
            numbers = {"priority": 5, "attempt": 1, "queued_s": 0, "running_s": 0}
            return httpx.Response(200, json={**view, **numbers})
        view = {"id": model, "name": "net", "state": next(states), "sha256": "00"}
        more = {"size_bytes": 3, "created_at": NOW, "inspection_job": job}
        return httpx.Response(200, json={**view, **more})

    async def received(request: httpx.Request) -> httpx.Response:
        await request.aread()
        return answer(request)

    async def push() -> str:
        async with AsyncClient(
            "http://lathe.test", "lt_key", transport=httpx.MockTransport(received)
        ) as lathe:
            return (await lathe.upload_model(file)).state

    assert asyncio.run(push()) == "ready"
    assert seen == [
        ("POST", "/v1/models", b"abc"),
        ("GET", f"/v1/jobs/{job}", b""),
        ("GET", f"/v1/models/{model}", b""),
    ]


def test_what_is_cut_is_asked_again_with_awaited_pauses(paused: list[float]) -> None:
    asked = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked % 2:
            raise httpx.ReadError("reset")
        return httpx.Response(200, json=[])

    async def listed() -> int:
        async with AsyncClient(
            "http://lathe.test", "lt_key", transport=httpx.MockTransport(answer)
        ) as lathe:
            return len(await lathe.techniques())

    assert asyncio.run(listed()) == 0
    assert (asked, len(paused)) == (2, 1)


def test_a_service_that_was_never_there_is_not_asked_again(paused: list[float]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async def listed() -> None:
        async with AsyncClient(
            "http://lathe.test", "lt_key", transport=httpx.MockTransport(answer)
        ) as lathe:
            await lathe.techniques()

    with pytest.raises(Unreachable, match=r"nothing answers at http://lathe\.test"):
        asyncio.run(listed())
    assert paused == []


def test_both_ask_for_the_audit_by_the_same_names() -> None:
    seen: list[dict[str, str]] = []
    key = ids.new("key")
    since = datetime(2026, 1, 2, tzinfo=UTC)

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", "/v1/audit")
        seen.append(dict(request.url.params))
        return httpx.Response(200, json={"items": [], "next_cursor": None})

    async def ask() -> None:
        async with AsyncClient(
            "http://lathe.test", "lt_key", transport=httpx.MockTransport(answer)
        ) as lathe:
            await lathe.audit(action="model", target="mdl_x", key=key, since=since, limit=7)

    with Client("http://lathe.test", "lt_key", transport=httpx.MockTransport(answer)) as lathe:
        lathe.audit(action="model", target="mdl_x", key=key, since=since, limit=7)
    asyncio.run(ask())
    asked = {"action": "model", "target": "mdl_x", "key": key, "limit": "7"}
    assert seen == [asked | {"since": "2026-01-02T00:00:00+00:00"}] * 2
