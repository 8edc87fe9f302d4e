"""What the followers were told, against what the database holds."""

from collections.abc import Mapping
from typing import Any

Feeds = Mapping[str, tuple[int, int]]  # job: how many events, and the number of the last


def faults(told: Mapping[str, Any], earlier: Feeds, now: Feeds) -> list[str]:
    """A sentence for whatever does not agree.

    `earlier` was read some seconds before `told`, `now` behind it: an open stream must have
    come at least as far as `earlier`, and an ended one to the very end. Each follower begins
    at the first event and counts every one, so the sums must agree, too.
    """
    return [
        *(f"{job} has {number} events up to {last}" for job, number, last in _gaps(now)),
        *_ended(told["ended"], now),
        *_behind(told["following"], earlier),
        *_sum(told),
    ]


def expected(told: Mapping[str, Any]) -> int:
    """How many events all followers must have been told of."""
    ended = sum(
        int(last) * followers
        for lasts in told["ended"].values()
        for last, followers in lasts.items()
    )
    return ended + sum(last for _, last, _ in told["following"])


def _gaps(feeds: Feeds) -> list[tuple[str, int, int]]:
    return [(job, number, last) for job, (number, last) in feeds.items() if number != last]


def _ended(ended: Mapping[str, Mapping[str, int]], now: Feeds) -> list[str]:
    return [
        f"{job}: {followers} streams ended behind {last}, the feed behind {now[job][1]}"
        for job, lasts in ended.items()
        for last, followers in lasts.items()
        if int(last) != now[job][1]
    ]


def _behind(following: list[tuple[str, int, bool]], earlier: Feeds) -> list[str]:
    return [
        f"{job}: an open stream is at {last}, the feed was at {earlier[job][1]}"
        for job, last, is_open in following
        if is_open and job in earlier and last < earlier[job][1]
    ]


def _sum(told: Mapping[str, Any]) -> list[str]:
    received, wanted = told["counts"].get("events", 0), expected(told)
    return [f"{received} events received, {wanted} expected"] if received != wanted else []
