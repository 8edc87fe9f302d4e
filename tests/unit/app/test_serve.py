"""One process of the service, whatever its environment says."""

from typing import Any

import pytest
import uvicorn

from app import serve


def test_it_stays_one_process_where_the_environment_asks_uvicorn_for_four(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}
    short = list[bool]()
    monkeypatch.setattr(serve, "take_short_slices", lambda: short.append(True))
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: asked.update(options, app=app))
    monkeypatch.setattr("sys.argv", ["app.serve", "--port", "0"])
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    serve.main()
    assert short == [True]
    assert uvicorn.Config(**asked, log_config=None).workers == 1
    del asked["workers"]
    assert uvicorn.Config(**asked, log_config=None).workers == 4  # what this is about
