"""A small service of its own whose deliverer hears of names what a test says."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from app.store.bootstrap import bootstrap
from app.store.db import sessions, sync_engine
from app.store.migrate import upgrade
from tests.redteam.conftest import SETTINGS
from tests.redteam.door import Door
from tests.redteam.outbound.recorder import Recorder, recording
from tests.redteam.outbound.wire import Wire
from tests.redteam.second import second
from worker.deliver import Courier
from worker.outbound.guard import Guard
from worker.settings import Settings


@pytest.fixture
def inside() -> Iterator[Recorder]:
    with recording() as server:
        yield server


@dataclass(frozen=True)
class Post:
    """A service with a deliverer, and where that one has connected to."""

    door: Door
    wire: Wire


Posted = Callable[[list[str]], AbstractContextManager[Post]]


@pytest.fixture
def post(tmp_path: Path, inside: Recorder) -> Posted:
    """Open the service; each time that the name is asked for it means the next of these."""
    return partial(_opened, tmp_path, inside)


@contextmanager
def _opened(folder: Path, inside: Recorder, meanings: list[str]) -> Iterator[Post]:
    url = f"sqlite:///{folder / 'lathe.db'}"
    upgrade(url)
    key = bootstrap(url)
    assert key is not None

    async def resolve(_host: str, _port: int) -> list[str]:
        return [meanings.pop(0)]

    wire = Wire(inside.port, resolve)
    settings = Settings(database_url=url, webhook_timeout_s=5)
    ended = threading.Event()
    courier = threading.Thread(
        target=asyncio.run, args=(_deliver(settings, wire, resolve, ended),)
    )
    with second(folder, key, SETTINGS) as door:
        courier.start()
        try:
            yield Post(door, wire)
        finally:
            ended.set()
            courier.join()


async def _deliver(
    settings: Settings, wire: Wire, resolve: Callable[..., object], ended: threading.Event
) -> None:
    stop = asyncio.Event()
    engine = sync_engine(settings.database_url, pool_size=1)
    guard = Guard(
        settings.outbound_allowed,
        silence_s=settings.webhook_timeout_s,
        resolver=resolve,  # type: ignore[arg-type]
        transport=wire,
    )
    async with guard:
        delivering = asyncio.create_task(Courier(sessions(engine), guard, settings).run(stop))
        await asyncio.to_thread(ended.wait)
        stop.set()
        await delivering
    engine.dispose()
