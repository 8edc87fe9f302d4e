"""One poll for all who wait."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.follow import watch
from app.follow.watch import Watch
from app.store.reads import Standing
from lathe.states import JobState

pytestmark = pytest.mark.anyio


class Table:
    """A table of jobs that counts how often it was asked."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[JobState, int]] = {}
        self.asked: list[set[str]] = []
        self.broken = False

    async def rows(self, _: Any, values: dict[str, list[str]]) -> list[Any]:
        self.asked.append(set(values["job_ids"]))
        await asyncio.sleep(0)
        if self.broken:
            raise ConnectionError("away")
        return [(i, *self.jobs[i]) for i in values["job_ids"] if i in self.jobs]

    async def close(self) -> None:
        pass


@pytest.fixture
def table() -> Table:
    made = Table()
    made.jobs = {"a": (JobState.RUNNING, 3), "b": (JobState.QUEUED, 1)}
    return made


@pytest.fixture
async def watching(table: Table, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr(watch, "POLL_S", 0.005)
    made = Watch(table)
    yield made
    await made.close()


def finished(standing: Standing) -> bool:
    return standing.finished


def behind_three(standing: Standing) -> bool:
    return standing.last_seq > 3


async def test_each_is_told_of_what_it_waits_for_and_no_more(
    watching: Watch, table: Table
) -> None:
    moved = asyncio.create_task(watching.until("a", behind_three, 9))
    ended = [asyncio.create_task(watching.until("a", finished, 9)) for _ in range(50)]
    other = asyncio.create_task(watching.until("b", finished, 9))
    await asyncio.sleep(0.02)
    assert not moved.done()
    assert table.asked
    assert all(asked == {"a", "b"} for asked in table.asked)  # one question for 52
    table.jobs["a"] = (JobState.RUNNING, 4)
    assert await moved
    assert not any(task.done() for task in ended)
    table.jobs["a"] = (JobState.FAILED, 5)
    assert all(await asyncio.gather(*ended))
    assert not other.done()
    other.cancel()


async def test_nobody_waits_and_nothing_is_asked(watching: Watch, table: Table) -> None:
    assert not await watching.until("a", finished, 0.012)
    await asyncio.sleep(0.01)
    asked = len(table.asked)
    await asyncio.sleep(0.03)
    assert len(table.asked) == asked
    table.jobs["a"] = (JobState.SUCCEEDED, 9)
    assert await watching.until("a", finished, 9)  # and it begins again


async def test_a_job_that_is_gone_is_not_waited_for(watching: Watch, table: Table) -> None:
    del table.jobs["a"]
    assert await watching.until("a", finished, 9)


async def test_an_error_reaches_all_who_wait_and_the_next_one_polls_again(
    watching: Watch, table: Table
) -> None:
    table.broken = True
    waiting = (watching.until(job, finished, 9) for job in ("a", "b", "b"))
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(error) for error in told] == ["away"] * 3
    table.broken = False
    table.jobs["b"] = (JobState.CANCELLED, 2)
    assert await watching.until("b", finished, 9)


async def test_closing_ends_the_waiting(watching: Watch) -> None:
    waiting = asyncio.create_task(watching.until("a", finished, 9))
    await asyncio.sleep(0.001)
    await watching.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_crowd_is_woken_some_at_a_time_and_others_have_their_turn(
    watching: Watch, table: Table
) -> None:
    """While 100 wake up, somebody else runs again and again."""
    turns, woken_at = 0, []

    async def other() -> None:
        nonlocal turns
        while len(woken_at) < 100:
            turns += 1
            await asyncio.sleep(0)

    async def follower() -> None:
        await watching.until("a", behind_three, 9)
        woken_at.append(turns)

    following = [asyncio.create_task(follower()) for _ in range(100)]
    await asyncio.sleep(0)
    table.jobs["a"] = (JobState.RUNNING, 4)
    await asyncio.gather(other(), *following)
    most_at_once = max(woken_at.count(turn) for turn in set(woken_at))
    assert most_at_once <= 2 * watch._AT_A_TIME
    assert len(set(woken_at)) >= 4
