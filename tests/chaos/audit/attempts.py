"""Why attempts were repeated: each cause must go back to a fault of the diary."""

import re
from datetime import datetime
from typing import Any

from tests.chaos.audit.findings import Findings
from tests.chaos.diary import Diary

_BEFORE_S, _AFTER_S = 1.0, 30.0  # an effect follows its fault within so long
_KILLED = ("worker killed", "worker's main killed", "worker's pool killed")
_STOPPED = ("worker frozen", "finished too late", "database down")
_CAUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "child died": (r"died of SIGKILL", ("child killed",)),
    "nursery died": (r"the nursery", ("nursery killed", "worker frozen", "work disk full")),
    "lease lost": (r"went silent", (*_KILLED, *_STOPPED, "work disk full")),
    "handed back": (r"worker stopped", ("worker drained",)),
    "store away": (r"object|store", ("objects fail", "object disk full", "work disk full")),
    "disk full": (r"disk|full", ("work disk full", "object disk full")),
}


def explain(
    found: Findings, diary: Diary, job: dict[str, Any], feed: list[dict[str, Any]]
) -> None:
    """Name the cause of every repeated attempt, and the fault behind it.

    On a machine with far more to do than it can, nobody renews a lease of seconds in time.
    """
    for event in feed:
        if event["type"] != "requeued":
            continue
        text = event["data"]["cause"]
        cause = next((c for c, (words, _) in _CAUSES.items() if re.search(words, text)), None)
        at_s = (datetime.fromisoformat(event["at"]) - diary.began_at).total_seconds()
        explained = cause is not None and _fault(diary, at_s, _CAUSES[cause][1], job["id"])
        if cause == "lease lost" and not explained and diary.crowded(at_s):
            found.causes["lease lost, machine busy"] += 1
            continue
        found.causes[cause or text] += 1
        if not explained:
            found.unexplained.append(f"{job['id']} at {at_s:.1f} s: {text}")


def _fault(diary: Diary, at_s: float, kinds: tuple[str, ...], job_id: str) -> bool:
    """Whether a fault of these kinds came before; a shot child's fault names its job."""
    return any(
        entry.kind in kinds
        and entry.at_s - _BEFORE_S <= at_s <= entry.at_s + _AFTER_S
        and (entry.kind != "child killed" or job_id in entry.effect)
        for entry in diary.entries
    )
