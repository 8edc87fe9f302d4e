"""Jobs: submit, follow, end, do again."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lathe.client.asking import ask
from lathe.client.calls.reading import got, pages, parsed
from lathe.client.talk import Ask, Pause, Talk
from lathe.errors import Timeout, Unavailable, Unreachable
from lathe.job import JobSpec
from lathe.report import Report
from lathe.states import JobKind, JobState
from lathe.views import ArtifactView, EventView, JobView, Page, PlanView

POLL_S = 2
OUTAGE_S = 120.0  # how long a service that is being waited for may be away
_OUTAGE_POLL_S = 2.0


def submit(spec: JobSpec | Mapping[str, Any], idempotency_key: str | None) -> Talk[JobView]:
    """Under a key, the caller's or a new one, so that it can be sent twice."""
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    wish = Ask("POST", "/v1/jobs", json=_body(spec), headers=headers, again=True)
    answer = yield from ask(wish)
    return parsed(JobView, answer)


def validate(spec: JobSpec | Mapping[str, Any]) -> Talk[PlanView]:
    """A dry run, which changes nothing."""
    answer = yield from ask(Ask("POST", "/v1/jobs:validate", json=_body(spec), again=True))
    return parsed(PlanView, answer)


def job(job_id: str, wait_s: int) -> Talk[JobView]:
    """One job; with `wait_s` the answer comes at its end, or after that time."""
    return (yield from got(JobView, f"/v1/jobs/{job_id}", {"wait": wait_s} if wait_s else None))


def jobs(
    states: Iterable[JobState],
    kind: JobKind | None,
    model: str | None,
    labels: Mapping[str, str],
    limit: int | None,
) -> Talk[list[JobView]]:
    """The newest first."""
    query: dict[str, Any] = {"state": [str(state) for state in states]}
    query["label"] = [f"{name}:{value}" for name, value in labels.items()]
    query |= {"kind": str(kind)} if kind else {}
    query |= {"model": model} if model else {}
    query |= {"limit": min(limit, 200)} if limit else {}
    return (yield from pages(JobView, "/v1/jobs", query=query, limit=limit))


def wait(
    job_id: str, timeout_s: float | None, seen: Callable[[JobView], None] | None
) -> Talk[JobView]:
    """Poll until the end. A service that goes away meanwhile is waited for, too."""
    started = answered = time.monotonic()
    while True:
        try:
            now = yield from job(job_id, _poll_s(timeout_s, started))
        except (Unreachable, Unavailable) as error:
            if time.monotonic() - answered > OUTAGE_S:
                raise
            yield Pause(_OUTAGE_POLL_S, error.detail)
        else:
            answered = time.monotonic()
            if seen:
                seen(now)
            if now.state.finished:
                return now
        if timeout_s is not None and time.monotonic() - started >= timeout_s:
            raise Timeout(
                f"{job_id} has not ended after {timeout_s:g} s of waiting; it goes on by itself"
            )


def cancel(job_id: str) -> Talk[JobView]:
    """To ask twice for a job's end is to ask once."""
    answer = yield from ask(Ask("POST", f"/v1/jobs/{job_id}/cancel", again=True))
    return parsed(JobView, answer)


def retry(job_id: str) -> Talk[JobView]:
    """Not repeated: each one makes a job."""
    answer = yield from ask(Ask("POST", f"/v1/jobs/{job_id}/retry"))
    return parsed(JobView, answer)


def events(job_id: str, after: int) -> Talk[list[EventView]]:
    """All that was noted so far, oldest first."""
    noted: list[EventView] = []
    while True:
        query = {"after": noted[-1].seq if noted else after, "limit": 1000}
        page = yield from got(Page[EventView], f"/v1/jobs/{job_id}/events", query)
        noted += page.items
        if page.next_cursor is None or not page.items:
            return noted


def report(job_id: str) -> Talk[Report]:
    """The measured proof."""
    return (yield from got(Report, f"/v1/jobs/{job_id}/report"))


def artifacts(job_id: str) -> Talk[list[ArtifactView]]:
    """Every file that the job made."""
    return (yield from pages(ArtifactView, f"/v1/jobs/{job_id}/artifacts"))


def _body(spec: JobSpec | Mapping[str, Any]) -> Any:
    return spec.model_dump(mode="json") if isinstance(spec, JobSpec) else dict(spec)


def _poll_s(timeout_s: float | None, started: float) -> int:
    """Within the caller's patience, but never so short that the service is hurried."""
    if timeout_s is None:
        return POLL_S
    left_s = timeout_s - (time.monotonic() - started)
    return max(1, min(POLL_S, int(left_s)))
