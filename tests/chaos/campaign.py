"""One campaign: a stack, a crew and customers, and everything that is done to them."""

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.arena import Arena
from tests.chaos.audit.examine import examine
from tests.chaos.audit.findings import Findings
from tests.chaos.books import Books
from tests.chaos.crew import Crew
from tests.chaos.customers import Customers
from tests.chaos.diary import Diary
from tests.chaos.processes import command, descendants
from tests.chaos.schedule import order
from tests.chaos.stack import LEASE_S, Stack, standing

_DOORS, _SWEEPS = 2, 2
_WORKERS = {"intake-0": "intake", "intake-1": "intake"} | {f"cpu-{n}": "cpu" for n in range(3)}
_LEAD = 14  # chains that are released ahead of the schedule
_CROWD, _CROWD_WAITS_S = 30, 20.0
_ENDS_WITHIN_S = 420.0
_NO_START = ("objects fail", "database down")  # a process that begins then may say so and end
_NO_START_FOR_S = 120.0  # nobody looks while a fault hunts for its victim
_OURS = ("-m worker", "worker.zygote", "-m app.serve")


@dataclass(frozen=True, slots=True)
class Orders:
    """What is wanted of every campaign."""

    jobs: int
    seed: int
    out: Path
    disks: bool


def campaign(name: str, orders: Orders) -> Findings:
    """Run one stack from its start to its last check."""
    out = orders.out / name
    logs = out / "logs"
    logs.mkdir(parents=True)
    diary = Diary(out / "faults.log")
    with standing(name, disks=orders.disks) as stack:
        crew = Crew(stack.environment, logs)
        books = Books(stack.database_url)
        crew.hire(_DOORS, _WORKERS, _SWEEPS)
        customers = Customers(orders.jobs, crew.doors, stack.key)
        dice = random.Random(f"{name}-{orders.seed}")
        arena = Arena(stack, crew, customers, books, diary, dice)
        try:
            return _run(arena, orders.jobs, logs)
        finally:
            customers.close()
            crew.dismiss(("api", "intake", "cpu", "sweep"))
            books.close()


def _run(arena: Arena, jobs: int, logs: Path) -> Findings:
    customers, diary = arena.customers, arena.diary
    diary.say(f"{arena.stack.name}: {jobs} jobs, lease {LEASE_S} s")
    customers.open()
    _storm(arena, jobs)
    arena.calm()
    diary.say(f"the storm is over, {customers.unfinished} chains go on")
    ended = customers.wait(_ENDS_WITHIN_S)
    diary.say("every chain has ended" if ended else f"{customers.unfinished} CHAINS DO NOT END")
    spent_s = diary.now_s()
    arena.crew.dismiss(("intake", "cpu", "sweep"))
    findings = examine(arena, logs, spent_s)
    arena.crew.dismiss(("api",))
    findings.ended = arena.crew.ended
    findings.orphans = arena.crew.orphans + _left_over(arena.stack)
    return findings


def _storm(arena: Arena, jobs: int) -> None:
    plan = order(jobs, arena.dice)
    customers = arena.customers
    released = 0
    for position, (kind, fault) in enumerate(plan):
        due = min(jobs, _LEAD + jobs * (position + 1) // len(plan))
        customers.release(due - released)
        released = due
        crowded_until_s = time.monotonic() + _CROWD_WAITS_S
        while customers.unfinished > _CROWD and time.monotonic() < crowded_until_s:
            arena.pause(0.1)
        arena.pause(arena.dice.uniform(0.2, 1.0))
        fault(arena, kind)
        for name in arena.crew.revive():
            refused = arena.diary.lately(_NO_START, _NO_START_FOR_S)
            arena.diary.say(f"{name} had ended by itself{', as it may' if refused else ''}")
            if not refused:
                arena.crew.ended.append(f"{name} ended by itself after {kind!r}")


def _left_over(stack: Stack) -> list[str]:
    """Processes of the service that still live; this process adopts what loses its parent."""
    living = {pid: command(pid) for pid in descendants(os.getpid())}
    left = [f"{p} lives: {c}" for p, c in living.items() if any(o in c for o in _OURS)]
    return left + [f"folder left behind: {p.name}" for p in stack.work_dir.glob("*")]
