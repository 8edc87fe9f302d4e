"""Processes of the API count together in the broker, and each alone while that is away."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from app.rates import counts
from app.rates.counts import Counts
from app.rates.rates import Rates
from lathe.errors import RateLimited
from stacks.valkey import Valkey

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def broker() -> Iterator[Valkey]:
    """One that this test alone stops."""
    server = Valkey()
    server.begin()
    yield server
    server.end()


@pytest.fixture
async def processes(broker: Valkey) -> AsyncIterator[list[Rates]]:
    made = [Rates({"reads": "30/minute"}, Counts(broker.url, 0.5)) for _ in range(3)]
    yield made
    for each in made:
        await each.close()


async def admitted(rates: Rates, who: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            await rates.take("reads", who)
        except RateLimited:
            continue
        count += 1
    return count


async def test_processes_share_one_count(processes: list[Rates]) -> None:
    turns = [await admitted(processes[n % 3], "a", 1) for n in range(60)]
    assert 30 <= sum(turns) <= 30 + 3  # each may be a second of the limit ahead: one request
    assert sum(turns[40:]) == 0
    assert await admitted(processes[0], "b", 5) == 5


async def test_while_the_broker_is_away_each_counts_alone_and_then_together_again(
    broker: Valkey, processes: list[Rates], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "BACK_OFF_S", 0.5)
    broker.stop()
    began = time.monotonic()
    assert [await admitted(each, "a", 50) for each in processes] == [30] * 3
    assert time.monotonic() - began < 3
    broker.begin()
    await asyncio.sleep(0.6)
    turns = [await admitted(processes[n % 3], "c", 1) for n in range(60)]
    assert 30 <= sum(turns) <= 33


async def test_a_frozen_broker_costs_one_request_its_patience_and_the_others_nothing(
    broker: Valkey, processes: list[Rates]
) -> None:
    assert broker._server is not None
    broker._server.send_signal(signal.SIGSTOP)
    try:
        waits = []
        for n in range(20):
            began = time.monotonic()
            assert await admitted(processes[0], f"who{n % 2}", 1) == 1
            waits.append(time.monotonic() - began)
    finally:
        broker._server.send_signal(signal.SIGCONT)
    assert sum(wait > 0.2 for wait in waits) <= 1
    assert max(waits) < 1.5
