"""The examination after a campaign: everything that was promised, looked at from outside."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos import wares
from tests.chaos.arena import Arena
from tests.chaos.audit.attempts import explain
from tests.chaos.audit.files import check_artifacts
from tests.chaos.audit.findings import Findings
from tests.chaos.audit.store import check_store
from tests.chaos.schedule import PLAN

_TOO_LATE = re.compile(r"thrown away: succeeded")


def examine(arena: Arena, logs: Path, spent_s: float) -> Findings:
    """Look at every job, feed, file and object; the API still runs."""
    found = Findings(arena.stack.name, spent_s, chains=len(arena.customers.chains))
    client = arena.customers.client()
    jobs = list(client.pages("/v1/jobs", limit=200))
    _count(found, jobs)
    feeds = {job["id"]: client.get(f"/v1/jobs/{job['id']}/events", limit=1000) for job in jobs}
    for job in jobs:
        _completions(found, job, feeds[job["id"]]["items"])
        explain(found, arena.diary, job, feeds[job["id"]]["items"])
    _once(found, jobs, list(client.pages("/v1/models", limit=200)))
    for chain in arena.customers.chains:
        if chain.broke:
            found.broke.append(f"{wares.name(chain.number)}: {chain.broke}")
    check_artifacts(found, arena, client, jobs)
    check_store(found, arena)
    found.too_late = sum(
        len(_TOO_LATE.findall(log.read_text(errors="replace"))) for log in logs.glob("*.log")
    )
    _settle_answers(found, arena)
    return found


def _count(found: Findings, jobs: list[dict[str, Any]]) -> None:
    found.jobs = Counter(f"{job['kind']} {job['state']}" for job in jobs)
    found.attempts = sum(job["attempt"] for job in jobs)
    found.lost = [f"{j['id']} is {j['state']}" for j in jobs if j["finished_at"] is None]
    found.failed = [f"{j['id']}: {j['failure']}" for j in jobs if j["state"] == "failed"]


def _completions(found: Findings, job: dict[str, Any], feed: list[dict[str, Any]]) -> None:
    """A finished job has one ending, a feed without gaps, and started as often as tried."""
    types = Counter(event["type"] for event in feed)
    endings = types["succeeded"] + types["failed"] + types["cancelled"]
    if endings > 1:
        found.twice.append(f"{job['id']} ended {endings} times")
    if endings == 0 and job["finished_at"] is not None:
        found.lost.append(f"{job['id']} has no ending in its feed")
    if [event["seq"] for event in feed] != list(range(1, len(feed) + 1)):
        found.twice.append(f"{job['id']}: its feed has gaps or repeats")
    if types["started"] != job["attempt"]:
        found.twice.append(f"{job['id']} started {types['started']}x in {job['attempt']} tries")


def _once(found: Findings, jobs: list[dict[str, Any]], models: list[dict[str, Any]]) -> None:
    """One model a name and, retries of failed ones apart, one job a label."""
    names = Counter(model["name"] for model in models)
    labels = Counter(
        job["labels"]["chain"]
        for job in jobs
        if job["kind"] == "compress" and job["retry_of"] is None
    )
    found.twice += [f"{n} models are named {name}" for name, n in names.items() if n > 1]
    found.twice += [f"{n} jobs for one key, {name}" for name, n in labels.items() if n > 1]


def _settle_answers(found: Findings, arena: Arena) -> None:
    answers, diary = arena.customers.answers, arena.diary
    found.wrong_answers = list(answers.wrong)
    found.answered, found.broken_connections = answers.failed, answers.broken
    found.faults = {kind: diary.hits(kind) for kind in PLAN}
    found.idle_faults = [kind for kind, hits in found.faults.items() if hits == 0]
