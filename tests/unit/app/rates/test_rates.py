"""Requests are counted without asking anybody, told a second later, and refused in time."""

import asyncio

import pytest
from limits import RateLimitItem

from app.rates.counts import Counts, Left
from app.rates.rate import rate, said
from app.rates.rates import AHEAD_S, Rates
from lathe.errors import RateLimited

pytestmark = pytest.mark.anyio


class Told:
    """Where all count, played: `room` is what is left to all of them."""

    def __init__(self, room: int) -> None:
        self.room, self.told = room, list[tuple[str, int]]()
        self.again_s = 7.2
        self.answers = asyncio.Event()
        self.answers.set()

    async def add(self, _item: RateLimitItem, who: str, requests: int) -> Left:
        self.told.append((who, requests))
        self.room = max(0, self.room - requests)
        left = Left(self.room, self.again_s)
        await self.answers.wait()
        await asyncio.sleep(0)
        return left

    async def close(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def rates(told: Told, reads: str, clock: Clock | None = None) -> Rates:
    return Rates({"reads": reads, "writes": ""}, told, clock or Clock())  # type: ignore[arg-type]


async def admitted(made: Rates, who: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            await made.take("reads", who)
        except RateLimited:
            continue
        count += 1
    return count


async def test_a_burst_is_admitted_to_the_last_and_no_further() -> None:
    made = Rates({"reads": "7/minute"}, Counts("memory://", 1.0))
    assert await admitted(made, "a", 12) == 7
    assert await admitted(made, "b", 3) == 3  # another's count is another
    await made.close()


def told_of(made: Rates, who: str) -> tuple[str, str]:
    fields = {name.decode(): value.decode() for name, value in made.fields("reads", who)}
    return fields["ratelimit-policy"], fields["ratelimit"]


async def test_the_fields_say_what_is_left_to_the_last_and_then_when_there_is_more() -> None:
    told = Told(room=13)
    made = rates(told, "600/minute")
    assert told_of(made, "a") == ('"reads";q=600;w=60', '"reads";r=600')
    await admitted(made, "a", 10)  # granted ahead: nobody was asked yet
    assert told_of(made, "a")[1] == '"reads";r=590'
    await admitted(made, "a", 2)  # others have taken most of it
    assert told_of(made, "a")[1] == '"reads";r=1'
    await admitted(made, "a", 2)
    await asyncio.sleep(0)
    assert told_of(made, "a")[1] == '"reads";r=0;t=8'
    assert told_of(made, "b")[1] == '"reads";r=600'
    assert made.fields("writes", "a") == []
    await made.close()


async def test_what_is_left_does_not_rise_while_it_is_asked_for() -> None:
    told = Told(room=1000)
    told.answers.clear()
    made = rates(told, "600/minute")
    await admitted(made, "a", 10)
    asking = asyncio.create_task(made.take("reads", "a"))
    await asyncio.sleep(0.01)
    assert told_of(made, "a")[1] == '"reads";r=590'
    told.answers.set()
    await asking
    assert told_of(made, "a")[1] == '"reads";r=989'
    await made.close()


async def test_a_second_of_the_limit_is_granted_before_anybody_is_asked() -> None:
    told = Told(room=1000)
    made = rates(told, "600/minute")
    assert await admitted(made, "a", 10) == 10
    assert told.told == []
    assert await admitted(made, "a", 1) == 1
    assert told.told == [("reads:a", 10)]
    await made.close()


async def test_what_was_granted_is_told_a_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.rates.rates.AHEAD_S", 0.05)
    told = Told(room=1000)
    made = rates(told, "6000/minute")
    await admitted(made, "a", 3)
    await asyncio.sleep(0.15)
    assert told.told == [("reads:a", 3)]
    await made.close()


async def test_what_is_granted_during_a_question_is_taken_from_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.rates.rates.AHEAD_S", 0.05)  # five requests of this limit
    told = Told(room=6)
    made = rates(told, "6000/minute")
    assert await admitted(made, "a", 2) == 2
    told.answers.clear()
    await asyncio.sleep(0.15)
    assert told.told == [("reads:a", 2)]
    assert await admitted(made, "a", 3) == 3
    told.answers.set()
    await asyncio.sleep(0.01)
    assert await admitted(made, "a", 5) == 1  # six in all
    await made.close()


async def test_many_who_come_at_once_share_one_question() -> None:
    told = Told(room=5)
    made = rates(told, "60/minute")
    assert await admitted(made, "a", 1) == 1  # the second of its own
    answers = await asyncio.gather(
        *(made.take("reads", "a") for _ in range(4)), return_exceptions=True
    )
    assert len(told.told) == 1
    assert sum(answer is None for answer in answers) == 1  # a second's worth, then ask again
    await made.close()


async def test_who_is_refused_is_told_when_to_come_back_and_nobody_is_asked_meanwhile() -> None:
    told, clock = Told(room=1), Clock()
    made = rates(told, "60/minute", clock)
    assert await admitted(made, "a", 5) == 1
    asked = len(told.told)
    with pytest.raises(RateLimited, match=r"60 in a minute.*wait=30") as refused:
        await made.take("reads", "a")
    assert refused.value.retry_after_s == 8  # 7.2 s, upwards
    assert len(told.told) == asked
    told.room, clock.now = 3, clock.now + AHEAD_S
    assert await admitted(made, "a", 2) == 2
    await made.close()


async def test_what_has_no_limit_is_not_counted() -> None:
    told = Told(room=0)
    made = rates(told, "")
    for kind in ("reads", "writes", "failures"):
        for _ in range(3):
            assert made.admits(kind, "a")  # type: ignore[arg-type]
    assert told.told == []
    await made.close()


async def test_a_look_refuses_only_after_a_refusal_and_counts_nothing() -> None:
    told = Told(room=1)
    made = Rates({"failures": "60/minute"}, told, Clock())  # type: ignore[arg-type]
    made.refuse("failures", "127.0.0.9")
    await made.take("failures", "127.0.0.9")
    with pytest.raises(RateLimited, match="wrong API key"):
        await made.take("failures", "127.0.0.9")
    asked = len(told.told)
    with pytest.raises(RateLimited, match="wrong API key"):
        made.refuse("failures", "127.0.0.9")
    made.refuse("failures", "127.0.0.8")
    assert len(told.told) == asked
    await made.close()


@pytest.mark.parametrize(
    ("text", "amount", "seconds", "words"),
    [
        ("600/minute", 600, 60, "600 in a minute"),
        ("5 per 10 second", 5, 10, "5 in 10 seconds"),
        ("3/hour", 3, 3600, "3 in an hour"),
    ],
)
def test_a_limit_is_a_number_and_a_time(
    text: str, amount: int, seconds: int, words: str
) -> None:
    item = rate(text)
    assert (item.amount, item.get_expiry()) == (amount, seconds)
    assert said(item) == words


@pytest.mark.parametrize("text", ["many", "600", "0/minute", "1/month", "-5/second"])
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="600/minute"):
        rate(text)
