"""Shooting the API: at random, in the middle of an upload, in the middle of a submit."""

import time
from typing import Literal

from tests.chaos.arena import Arena

_REACHED_S = 40.0
_IN_FLIGHT_S = 0.03  # a submit takes some ten milliseconds


def kill(arena: Arena, kind: str) -> None:
    """SIGKILL one API process and start it again."""
    name = arena.dice.choice(arena.crew.names("api"))
    arena.crew.kill(name)
    arena.diary.did(kind, name)


def kill_in_upload(arena: Arena, kind: str) -> None:
    """SIGKILL the API process that has half of an upload."""
    _tear(arena, kind, "upload", 0.0)


def kill_in_submit(arena: Arena, kind: str) -> None:
    """SIGKILL the API process while it takes a job in."""
    _tear(arena, kind, "submit", arena.dice.uniform(0.0, _IN_FLIGHT_S))


def _tear(arena: Arena, kind: str, at: Literal["upload", "submit"], delay_s: float) -> None:
    name = arena.dice.choice(arena.crew.names("api"))
    door = arena.crew.door(name)
    tear = arena.customers.torn(at, door)
    deadline = time.monotonic() + _REACHED_S
    while not tear.reached.is_set() and time.monotonic() < deadline:
        arena.pause(0.05)
    if not tear.reached.is_set():
        tear.go_on.set()
        arena.diary.missed(kind, f"the {at} did not come that far")
        return
    if at == "upload":
        arena.crew.kill(name)
        tear.go_on.set()
    else:
        tear.go_on.set()
        time.sleep(delay_s)
        arena.crew.kill(name)
    arena.diary.did(kind, f"{name}, {delay_s * 1000:.0f} ms into it")
