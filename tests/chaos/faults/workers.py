"""Killing, freezing and draining whole workers, and killing the sweep."""

import os
import signal
from collections.abc import Callable

from tests.chaos.arena import Arena
from tests.chaos.processes import alive
from tests.chaos.stack import LEASE_S, SWEEP_S

_HUNT_S = 30.0
_CLEARED_S = 60.0  # the next worker may itself not start while a store is away
_CHILD_ENDS_S = 40.0
_REAPED_S = LEASE_S + 4 * SWEEP_S + 35.0  # a row locked by the frozen: PostgreSQL waits 30 s

Child = tuple[int, str, int]  # process, job and attempt


def kill_worker(arena: Arena, kind: str) -> None:
    """SIGKILL main and pool process at once; another is hired."""
    name = arena.dice.choice(arena.crew.workers)
    _strike(arena, kind, name, arena.crew.child_of(name), arena.crew.kill)


def kill_main(arena: Arena, kind: str) -> None:
    """SIGKILL the main process alone: pool, nursery and child must die with it."""
    name = arena.dice.choice(arena.crew.workers)
    _strike(arena, kind, name, arena.crew.child_of(name), arena.crew.kill_main)


def kill_pool(arena: Arena, kind: str) -> None:
    """SIGKILL the pool process alone: the main process gets itself another."""
    prey = _busy(arena)
    if prey is None:
        arena.diary.missed(kind, "no worker was busy")
        return
    _strike(arena, kind, *prey, arena.crew.kill_pool)


def kill_sweep(arena: Arena, kind: str) -> None:
    """SIGKILL one copy of the sweep and start it again."""
    name = arena.dice.choice(arena.crew.names("sweep"))
    arena.crew.kill(name)
    arena.diary.did(kind, name)


def drain(arena: Arena, kind: str) -> None:
    """SIGTERM a worker, wait for its end, hire another."""
    name = arena.dice.choice(arena.crew.workers)
    child = arena.crew.child_of(name)
    spent_s = arena.crew.drain(name)
    arena.diary.did(kind, f"{name} in {spent_s:.1f} s, {_doing(child)}")


def freeze(arena: Arena, kind: str) -> None:
    """SIGSTOP a busy worker past its lease, SIGCONT it later."""
    prey = _busy(arena)
    if prey is None:
        arena.diary.missed(kind, "no worker was busy")
        return
    name, (_pid, job_id, attempt) = prey
    group = arena.crew.freeze(name)
    for_s = LEASE_S * arena.dice.uniform(1.4, 2.2)
    arena.later(for_s, lambda: _thaw(group))
    arena.diary.did(kind, f"{name} for {for_s:.1f} s, {job_id} attempt {attempt}")


def freeze_until_too_late(arena: Arena, kind: str) -> None:
    """SIGSTOP a busy worker but not its child; let the child finish and the lease run out;
    then SIGCONT: the worker must see a finished result and not be allowed to write it."""
    arena.calm()
    prey = _busy(arena)
    if prey is None:
        arena.diary.missed(kind, "no worker was busy")
        return
    name, (pid, job_id, attempt) = prey
    group = arena.crew.freeze(name)
    try:
        ended = _until(arena, lambda: not alive(pid), _CHILD_ENDS_S)
        reaped = _until(arena, lambda: arena.books.lapsed(job_id, attempt), _REAPED_S)
    finally:
        _thaw(group)
    what = f"{name}, {job_id} attempt {attempt}"
    if ended and reaped:
        arena.diary.did(kind, what)
    else:
        arena.diary.missed(kind, f"{what}: child ended {ended}, lease taken {reaped}")


def _strike(
    arena: Arena, kind: str, name: str, child: Child | None, blow: Callable[[str], object]
) -> None:
    """Hurt a worker while it is at `child`, and see the job's folder cleared away."""
    blow(name)
    arena.diary.did(kind, f"{name}, {_doing(child)}")
    _look_for_folder(arena, child)


def _busy(arena: Arena) -> tuple[str, Child] | None:
    held: dict[int, str] = {}

    def found() -> Child | None:
        for name in arena.dice.sample(arena.crew.workers, len(arena.crew.workers)):
            child = arena.crew.child_of(name)
            if child is not None:
                held[child[0]] = name
                return child
        return None

    child = arena.seek(found, _HUNT_S)
    return None if child is None else (held[child[0]], child)


def _until(arena: Arena, holds: Callable[[], bool], within_s: float) -> bool:
    return arena.seek(lambda: (0, "", 0) if holds() else None, within_s) is not None


def _look_for_folder(arena: Arena, child: Child | None) -> None:
    """Whoever comes after a killed worker must clear the job's folder away, and soon."""
    if child is None:
        return
    _, job_id, attempt = child

    def look() -> None:
        for left in arena.stack.work_dir.glob(f"{job_id}-{attempt}-*"):
            arena.crew.orphans.append(f"{_CLEARED_S:.0f} s after a kill: {left.name}")

    arena.later(_CLEARED_S, look)


def _thaw(group: int) -> None:
    try:
        os.killpg(group, signal.SIGCONT)
    except ProcessLookupError:  # killed in its sleep
        return


def _doing(child: Child | None) -> str:
    return "idle" if child is None else f"at {child[1]} attempt {child[2]}"
