"""What happens to the service in a campaign, how often, and in which order."""

import math
import random
from collections.abc import Callable

from tests.chaos.arena import Arena
from tests.chaos.faults import broker, children, database, disks, doors, objects, workers

Fault = Callable[[Arena, str], None]

PER_JOBS = 200
PLAN: dict[str, tuple[int, Fault]] = {  # times in 200 jobs
    "child killed": (30, children.kill_child),
    "nursery killed": (2, children.kill_nursery),
    "worker killed": (7, workers.kill_worker),
    "worker's main killed": (2, workers.kill_main),
    "worker's pool killed": (3, workers.kill_pool),
    "worker frozen": (8, workers.freeze),
    "finished too late": (7, workers.freeze_until_too_late),
    "worker drained": (4, workers.drain),
    "sweep killed": (2, workers.kill_sweep),
    "broker emptied": (4, broker.flush),
    "broker down": (3, broker.restart),
    "database down": (4, database.outage),
    "objects fail": (6, objects.outage),
    "work disk full": (2, disks.fill_work),
    "object disk full": (2, disks.fill_objects),
    "api killed": (2, doors.kill),
    "api killed in upload": (3, doors.kill_in_upload),
    "api killed in submit": (4, doors.kill_in_submit),
}


def scaled(times: int, jobs: int) -> int:
    """So many of `times` for another number of jobs; at least one."""
    return max(1, math.floor(times * jobs / PER_JOBS))


def order(jobs: int, dice: random.Random) -> list[tuple[str, Fault]]:
    """The faults of a campaign of so many jobs, shuffled."""
    plan = [
        (kind, fault)
        for kind, (times, fault) in PLAN.items()
        for _ in range(scaled(times, jobs))
    ]
    dice.shuffle(plan)
    return plan
