"""Shooting the processes that do the work."""

import os
import signal
import time

from tests.chaos.arena import Arena
from tests.chaos.processes import gone_within

_HUNT_S = 30.0


def kill_child(arena: Arena, kind: str) -> None:
    """SIGKILL a running child whose job was not shot before."""

    def found() -> tuple[int, str, int] | None:
        for name in arena.dice.sample(arena.crew.workers, len(arena.crew.workers)):
            child = arena.crew.child_of(name)
            if child and child[1] not in arena.shot and arena.books.may_be_shot(child[1]):
                return child
        return None

    hunted_until_s = time.monotonic() + _HUNT_S
    while (prey := arena.seek(found, hunted_until_s - time.monotonic())) is not None:
        pid, job_id, attempt = prey
        if _shot(pid):
            arena.shot.add(job_id)
            gone_within([pid], 1.0)
            arena.diary.did(kind, f"{job_id} attempt {attempt}, pid {pid}")
            return
    arena.diary.missed(kind, "no child ran that may be shot")


def kill_nursery(arena: Arena, kind: str) -> None:
    """SIGKILL the process that a worker's children are forked from, with its child."""

    def found() -> tuple[int, str, int] | None:
        for name in arena.dice.sample(arena.crew.workers, len(arena.crew.workers)):
            child, nursery = arena.crew.child_of(name), arena.crew.nursery_of(name)
            if child and nursery and child[1] not in arena.shot:
                return nursery, child[1], child[2]
        return None

    prey = arena.seek(found, _HUNT_S)
    if prey is None:
        arena.diary.missed(kind, "no nursery had a child")
        return
    pid, job_id, attempt = prey
    if not _shot(pid):
        arena.diary.missed(kind, f"the nursery of {job_id} had just ended")
        return
    arena.shot.add(job_id)
    arena.diary.did(kind, f"{job_id} attempt {attempt}, pid {pid}")


def _shot(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has just ended
        return False
    return True
