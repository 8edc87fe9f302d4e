"""Where the time of one job goes, from what the service says and writes about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import httpx

from examples.service import Service

LOGGED = ("begins", "is staged", "has a child", "is answered")


@dataclass(frozen=True, slots=True)
class Clock:
    """The client's moments: before the POST, after its answer, when it knew of the end."""

    asked: datetime
    answered: datetime
    knew: datetime


def phases(service: Service, job_id: str, clock: Clock, log: Path) -> dict[str, float]:
    """Seconds by what they were spent on, in order; together the client's whole time.

    `log` is the worker's; all clocks are this machine's. Raises KeyError for a moment that
    nobody wrote down.
    """
    seen = _logged(job_id, log) | _events(service, job_id)
    moments = (
        ("", clock.asked),
        ("POST", clock.answered),
        ("queue wait", seen["begins"]),
        ("staging", seen["is staged"]),
        ("fork", seen["has a child"]),
        ("opening", seen["step_started"]),
        ("step and its checkpoint", seen["step_finished"]),
        ("artifact and report", seen["is answered"]),
        ("store and finish", seen["succeeded"]),
        ("client hears", clock.knew),
    )
    return {
        name: (end - start).total_seconds() for (_, start), (name, end) in pairwise(moments)
    }


def _logged(job_id: str, log: Path) -> dict[str, datetime]:
    seen = {}
    for line in log.read_text().splitlines():
        if f"job {job_id} " not in line:
            continue
        entry: Mapping[str, str] = json.loads(line)
        for what in LOGGED:
            if entry["event"].endswith(what):
                seen[what] = datetime.fromisoformat(entry["timestamp"])
    return seen


def _events(service: Service, job_id: str) -> dict[str, datetime]:
    answer = httpx.get(
        f"{service.url}/v1/jobs/{job_id}/events",
        headers={"Authorization": f"Bearer {service.key}", "Accept": "application/json"},
    )
    items = answer.raise_for_status().json()["items"]
    return {item["type"]: datetime.fromisoformat(item["at"]) for item in items}
