"""A second process of the same service, within this one, so that a test can reach into it.

It is the real application behind the real protocol, over the data of the service that the
attacks are sent to. What a test changes with `monkeypatch`, or by a setting, is the one guard
that is missing; the rest of the request's way is what it is everywhere else.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from uvicorn import Config, Server

from app.http.protocol import bounded
from app.main import create
from app.settings import Settings
from tests.redteam.door import Door, entered

STARTED_S = 30


def _as_it_is(_app: FastAPI) -> None:
    pass


@contextmanager
def second(
    data: Path,
    key: str,
    settings: Mapping[str, str],
    *,
    change: Callable[[FastAPI], None] = _as_it_is,
    **other: Any,
) -> Iterator[Door]:
    """This key, at a process of its own over `data`; `other` are settings that differ."""
    own = _settings(data, settings).model_copy(update=other)
    app = create(own)
    change(app)
    server = Server(
        Config(
            app,
            http=bounded(own),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            _await(server, thread)
            with entered(f"http://127.0.0.1:{port}", key, data) as opened:
                yield opened
        finally:
            server.should_exit = True
            thread.join()


def _await(server: Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + STARTED_S
    while not server.started:
        assert thread.is_alive(), "the second process did not start"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _settings(data: Path, settings: Mapping[str, str]) -> Settings:
    said = {
        name: text
        for key, text in settings.items()
        if (name := key.removeprefix("LATHE_").lower()) in Settings.model_fields
    }
    broker = data / "valkey" / "valkey.sock"
    places = {
        "database_url": f"sqlite:///{data / 'lathe.db'}",
        "objects_url": f"file://{data / 'objects'}",
        "broker_url": f"redis+socket://{broker}" if broker.exists() else "memory://",
    }
    return Settings.model_validate(places | said)
