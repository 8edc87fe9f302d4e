"""The application as a module and as a running thing."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

import app.main
from app.main import create
from app.settings import Settings

pytestmark = pytest.mark.anyio


def test_the_module_has_an_app_that_is_made_once_and_nothing_it_does_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app.main.logs, "configure", lambda **_: None)
    monkeypatch.setattr(app.main, "preflight", lambda _: None)
    assert isinstance(app.main.app, FastAPI)
    assert app.main.app is app.main.app
    with pytest.raises(AttributeError):
        _ = app.main.nothing


async def test_it_opens_its_parts_when_it_starts_and_connects_to_nothing(
    tmp_path: Path,
) -> None:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/none.db",
        objects_url=f"file://{tmp_path}/objects",
        broker_url=f"redis+socket://{tmp_path}/none.sock",
    )
    started = create(settings)
    assert not (tmp_path / "objects").exists()
    async with started.router.lifespan_context(started):
        assert started.state.services.settings is settings
        assert not (tmp_path / "none.db").exists()


async def test_no_key_and_no_body_is_ever_logged(world: Any) -> None:
    with capture_logs() as logged:
        await world.client.post("/v1/jobs", json={"model": "a-secret-body"})
        made = await world.client.post("/v1/keys", json={"name": "ci"})
    text = str(logged)
    assert [line["status"] for line in logged] == [422, 201]
    assert world.key.split("_", 2)[2] not in text
    assert made.json()["key"].split("_", 2)[2] not in text
    assert "a-secret-body" not in text


async def test_a_line_names_the_job_and_the_route(world: Any) -> None:
    job_id = await world.job()
    with capture_logs() as logged:
        await world.client.get(f"/v1/jobs/{job_id}")
    (line,) = logged
    assert (line["job_id"], line["route"]) == (job_id, "/v1/jobs/{job_id}")
    assert line["project_id"] == world.project_id


async def test_no_address_is_made_of_the_host_that_was_asked_for(world: Any) -> None:
    answer = await world.client.get("/v1/models/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "location" not in answer.headers
