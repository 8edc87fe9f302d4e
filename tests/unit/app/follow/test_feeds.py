"""One read of a feed for all who ask at the same time."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.follow import feeds, watch
from app.follow.feeds import Feeds
from lathe.errors import Missing
from lathe.states import JobState

pytestmark = pytest.mark.anyio
AT = datetime(2031, 5, 7, tzinfo=UTC)


class Table:
    """The events of one job of project `p`."""

    def __init__(self) -> None:
        self.events = ["one", "two"]
        self.state = JobState.RUNNING
        self.asked = 0
        self.broken = False

    async def rows(self, _: Any, values: dict[str, Any]) -> list[Any]:
        self.asked += 1
        told, broken = list(self.events), self.broken
        await asyncio.sleep(0)
        if broken:
            raise ConnectionError("away")
        if values["project_id"] != "p":
            return []
        some = [
            (self.state, seq, "said", AT, f'{{"text":"{text}"}}')
            for seq, text in enumerate(told, 1)
            if seq > values["after"]
        ]
        return some[: values["limit"]] or [(self.state, None, None, None, None)]

    async def close(self) -> None:
        pass


class Clock:
    """The watch, of which only the last poll's time is asked."""

    polled_s = 0.0


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [100.0]
    monkeypatch.setattr(feeds.time, "monotonic", lambda: at[0])
    return at


def feeds_of(table: Table, clock: Any = Clock) -> Feeds:
    return Feeds(table, clock())


async def test_a_crowd_costs_one_read_and_each_place_one_of_its_own(
    table: Table, now: list[float]
) -> None:
    shared = feeds_of(table)
    told = await asyncio.gather(*(shared.behind("p", "j", 0) for _ in range(50)))
    assert table.asked == 1
    assert {(each.last, each.more, each.ended) for each in told} == {(2, False, False)}
    assert told[0].messages.count(b"\nid: ") == 2
    behind_one = await shared.behind("p", "j", 1)
    assert (table.asked, behind_one.messages.count(b"\nid: ")) == (2, 1)
    assert (await shared.behind("p", "j", 2)).messages == b""


async def test_another_project_is_never_given_what_was_read(
    table: Table, now: list[float]
) -> None:
    shared = feeds_of(table)
    await shared.behind("p", "j", 0)
    with pytest.raises(Missing):
        await shared.behind("q", "j", 0)


async def test_a_poll_and_a_quarter_second_each_end_the_sharing(
    table: Table, now: list[float]
) -> None:
    clock = Clock()
    shared = Feeds(table, clock)  # type: ignore[arg-type]
    await shared.behind("p", "j", 0)
    table.events.append("three")
    now[0] += 0.01
    clock.polled_s = now[0]  # who is woken by this poll must see what it saw
    now[0] += 0.01
    assert (await shared.behind("p", "j", 0)).last == 3
    table.events.append("four")
    now[0] += watch.POLL_S - 0.01
    assert (await shared.behind("p", "j", 0)).last == 3
    now[0] += 0.02
    assert (await shared.behind("p", "j", 0)).last == 4


async def test_a_failure_reaches_all_who_asked_and_is_not_kept(
    table: Table, now: list[float]
) -> None:
    shared = feeds_of(table)
    table.broken = True
    asking = (shared.behind("p", "j", 0) for _ in range(3))
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(error) for error in told] == ["away"] * 3
    table.broken = False
    assert (await shared.behind("p", "j", 0)).last == 2


async def test_one_who_leaves_takes_the_read_from_nobody(
    table: Table, now: list[float]
) -> None:
    shared = feeds_of(table)
    first = asyncio.create_task(shared.behind("p", "j", 0))
    second = asyncio.create_task(shared.behind("p", "j", 0))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).last == 2
    assert table.asked == 1


async def test_what_is_shared_is_bounded(
    table: Table, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = len((await feeds_of(table).behind("p", "j", 1)).messages)
    monkeypatch.setattr(feeds, "MAX_BYTES", one)
    shared = feeds_of(table)
    for _ in range(2):
        await shared.behind("p", "j", 1)
    asked = table.asked
    for _ in range(2):
        await shared.behind("p", "j", 0)  # no room is left for this one
    assert table.asked == asked + 2


async def test_a_long_feed_comes_in_parts(
    table: Table, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "AT_ONCE", 2)
    table.events = list("abc")
    shared = feeds_of(table)
    first = await shared.behind("p", "j", 0)
    rest = await shared.behind("p", "j", first.last)
    assert [(each.last, each.more) for each in (first, rest)] == [(2, True), (3, False)]
