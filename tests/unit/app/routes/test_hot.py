"""The hot routes give the answers of the ordinary ones, to the same people."""

import json
from typing import Any

import pytest
from sqlalchemy import delete, update

from app import known_keys
from app.follow import kept
from app.http import edge
from app.store.reads import JobColumns
from app.store.rows import ApiKey, Event, Job, Step
from app.store.rows.base import utc_now
from lathe.errors import Failure
from lathe.job import JobSpec
from lathe.report import Verdict
from lathe.states import JobState
from lathe.views import EventView, JobView, Progress, StepView

pytestmark = pytest.mark.anyio

PROGRESS = {"step": "b", "fraction": 0.25, "current": 3.0}  # written before `unit` was there
VERDICT = {"best": "int8", "constraints_met": None, "realised": "smaller", "sentence": "s"}
FAILURE = {"code": "timeout", "class": "timeout", "retryable": True, "detail": "zu spät \u2028"}
REPORT = {"id": "a", "technique": "t", "wall_s": 1, "cpu_s": 1, "facts": {"x": 4, "y": 1e-9}}
LABELS = {"team": "Größe", "n": "NaN"}
CLOCKS = ("queued_s", "running_s")


@pytest.fixture
def ordinary_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ordinary routes would answer is an error."""

    def never(*_: Any) -> None:
        raise AssertionError("the ordinary route was taken")

    monkeypatch.setattr("app.routes.jobs.job_response", never)
    monkeypatch.setattr("app.routes.events.json_response", never)


async def is_known(client: Any) -> None:
    """Make the client's key one that was verified a moment ago."""
    assert (await client.get("/v1/techniques")).status_code == 200


async def row_of(world: Any, job_id: str) -> Job:
    async with world.parts.reading() as session:
        row: Job = await session.get(Job, job_id)
    return row


def wanted(row: Job) -> dict[str, Any]:
    """What the test below wrote into this row, as the view has it; without its clocks."""
    finished = JobState(row.state).finished
    view = JobView(
        id=row.id,
        kind="compress",
        state=row.state,
        display_state=row.state if finished else "cancelling",
        queue="cpu",
        priority=5,
        attempt=0,
        waiting_for="a worker" if row.state == JobState.QUEUED else None,
        name='a "b"',
        labels=LABELS,
        spec=JobSpec.model_validate(row.spec),
        progress=Progress(step="b", fraction=0.25, current=3.0),
        steps=[
            StepView(
                id="a", technique="optimize.graph", state="reused", fraction=1.0,
                facts={"x": 4, "y": 1e-9},
            ),
            StepView(
                id="2-quantize_dynamic", technique="quantize.dynamic", state="pending",
                fraction=0.0, facts={},
            ),
        ],
        verdict=Verdict.model_validate(VERDICT),
        failure=Failure.model_validate(FAILURE),
        retry_of=row.id,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        queued_s=0,
        running_s=0,
    )  # fmt: skip
    shown: dict[str, Any] = json.loads(view.model_dump_json())
    return {name: value for name, value in shown.items() if name not in CLOCKS}


def lasting(headers: Any) -> dict[str, str]:
    """Without what counts down, which is there all the same."""
    assert headers["ratelimit"].startswith('"reads";r=')
    return {name: value for name, value in headers.items() if name != "ratelimit"}


@pytest.mark.parametrize("state", list(JobState))
@pytest.mark.usefixtures("ordinary_is_closed")
async def test_every_field_is_that_of_the_view(world: Any, state: JobState) -> None:
    pipeline = [{"id": "a", "technique": "optimize.graph"}, {"technique": "quantize.dynamic"}]
    job_id = await world.job(pipeline=pipeline, labels=LABELS, name='a "b"', seed=3)
    now = utc_now()
    values = {
        "state": state,
        "cancel_requested": True,
        "waiting_for": "a worker",
        "progress": PROGRESS,
        "verdict": VERDICT,
        "failure": FAILURE,
        "retry_of": job_id,
        "started_at": now.replace(microsecond=0),
        "finished_at": now.replace(microsecond=120_000),
        "queued_s": 2.5,
        "running_s": 30.25,
    }
    async with world.parts.writing() as session:
        await session.execute(update(Job).where(Job.id == job_id).values(**values))
        first = update(Step).where(Step.job_id == job_id, Step.position == 0)
        await session.execute(first.values(state="reused", fraction=1.0, report=REPORT))
    await is_known(world.client)
    answer = await world.client.get(f"/v1/jobs/{job_id}")
    assert answer.headers["content-type"] == "application/json"
    told, row = answer.json(), await row_of(world, job_id)
    written = zip(CLOCKS, (2.5, 30.25), (JobState.QUEUED, JobState.RUNNING), strict=True)
    for clock, seconds, goes_on in written:
        assert 0 <= told.pop(clock) - seconds <= (5 if state == goes_on else 0)
    assert told == wanted(row)
    assert list(told) == [name for name in JobView.model_fields if name not in CLOCKS]
    strong = f'"{job_id}-1"'
    assert answer.headers["etag"] == (strong if state.finished else f"W/{strong}")
    assert ("retry-after" in answer.headers) == (not state.finished)


@pytest.mark.usefixtures("ordinary_is_closed")
async def test_an_inspection_without_spec_and_steps_is_shown(world: Any) -> None:
    made = (await world.client.post("/v1/models", content=b"abc")).json()
    await is_known(world.client)
    told = (await world.client.get(f"/v1/jobs/{made['inspection_job']}")).json()
    assert (told["kind"], told["spec"], told["steps"]) == ("inspect", None, [])


def test_every_column_of_a_job_is_in_its_view_or_makes_its_headers() -> None:
    elsewhere = {"cancel_requested", "version", "queued_at"}
    derived = {"display_state", "steps"}
    assert set(JobColumns._fields) - elsewhere == set(JobView.model_fields) - derived


async def test_both_routes_answer_alike(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    ordinary = await world.client.get(f"/v1/jobs/{job_id}?wait=0")
    await is_known(world.client)
    monkeypatch.setattr("app.routes.jobs.job_response", None)
    hot = await world.client.get(f"/v1/jobs/{job_id}")
    assert hot.content == ordinary.content
    for answer in (hot, ordinary):
        del answer.headers["x-request-id"]
    assert lasting(hot.headers) == lasting(ordinary.headers)


@pytest.mark.usefixtures("ordinary_is_closed")
async def test_a_version_that_is_held_is_not_sent_again(world: Any) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    await is_known(world.client)
    path = f"/v1/jobs/{job_id}"
    etag = (await world.client.get(path)).headers["etag"]
    for held in (etag, f'W/{etag}, "x"', "*"):
        same = await world.client.get(path, headers={"If-None-Match": held})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    other = await world.client.get(path, headers={"If-None-Match": f'"{job_id}-1"'})
    assert other.status_code == 200


@pytest.mark.usefixtures("ordinary_is_closed")
async def test_a_kept_job_is_never_shown_to_another_project(world: Any) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    for client in (world.client, world.stranger):
        await is_known(client)
    assert (await world.client.get(f"/v1/jobs/{job_id}")).status_code == 200
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/events"):
        refused = await world.stranger.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["request_id"] == refused.headers["x-request-id"]


@pytest.mark.usefixtures("ordinary_is_closed")
async def test_an_unknown_job_is_a_problem(world: Any) -> None:
    await is_known(world.client)
    for path in ("/v1/jobs/job_nothing", "/v1/jobs/job_nothing/events?after=3"):
        answer = await world.client.get(path)
        assert (answer.status_code, answer.json()["param"]) == (404, "job_id")


@pytest.mark.usefixtures("ordinary_is_closed")
async def test_a_stream_is_opened_by_the_hot_route_too(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    await is_known(world.client)
    monkeypatch.setattr("app.routes.events.event_stream", None)
    path, sse = f"/v1/jobs/{job_id}/events", {"Accept": "text/event-stream"}
    whole = await world.client.get(path, headers=sse)
    assert whole.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (whole.text.count("id: 1\n"), whole.text.count("id: 2\n")) == (1, 1)
    for resumed in (
        await world.client.get(path, headers={**sse, "Last-Event-ID": "1"}),
        await world.client.get(f"{path}?after=1", headers=sse),
    ):
        assert (resumed.text.count("id: 1\n"), resumed.text.count("id: 2\n")) == (0, 1)
    over = await world.client.get(path, headers={**sse, "Last-Event-ID": "2"})
    assert (over.status_code, over.content) == (204, b"")
    made_up = await world.client.get(path, headers={**sse, "Last-Event-ID": "-1"})
    assert (made_up.status_code, made_up.json()["param"]) == (400, "Last-Event-ID")
    await is_known(world.stranger)
    foreign = await world.stranger.get(path, headers=sse)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")


async def test_both_routes_open_the_same_stream(world: Any) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    sse = {"Accept": "text/event-stream"}
    ordinary = await world.client.get(f"/v1/jobs/{job_id}/events?limit=7", headers=sse)
    await is_known(world.client)
    hot = await world.client.get(f"/v1/jobs/{job_id}/events", headers=sse)
    for answer in (hot, ordinary):
        del answer.headers["x-request-id"]
    assert lasting(hot.headers) == lasting(ordinary.headers)
    assert hot.text.partition("\n\n")[2] == ordinary.text.partition("\n\n")[2]


async def test_a_revoked_key_is_refused(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    made = (await world.client.post("/v1/keys", json={"name": "k", "scopes": ["read"]})).json()
    client = await world.as_key(made["key"])
    path = f"/v1/jobs/{job_id}"
    for _ in range(2):
        assert (await client.get(path)).status_code == 200
    await world.client.delete(f"/v1/keys/{made['id']}")
    assert (await client.get(path)).status_code == 401
    async with world.parts.writing() as session:  # the other one: as another process does it
        await session.execute(update(ApiKey).values(revoked_at=utc_now()))
    assert (await world.client.get(path)).status_code == 200
    assert (await world.client.post(f"{path}/cancel")).status_code == 401  # no write at all
    later = known_keys.time.monotonic() + known_keys.FRESH_S
    monkeypatch.setattr(known_keys.time, "monotonic", lambda: later)
    assert (await world.client.get(path)).status_code == 401


async def test_a_deleted_job_is_gone_after_a_while(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    path = f"/v1/jobs/{job_id}"
    assert (await world.client.get(path)).status_code == 200
    async with world.parts.writing() as session:
        for table in (Step, Event):
            await session.execute(delete(table).where(table.job_id == job_id))
        await session.execute(delete(Job).where(Job.id == job_id))
    later = kept.time.monotonic() + kept.FRESH_S
    monkeypatch.setattr(kept.time, "monotonic", lambda: later)
    assert (await world.client.get(path)).status_code == 404


@pytest.mark.usefixtures("ordinary_is_closed")
async def test_a_feed_is_read_on_behind_a_number(world: Any) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    await is_known(world.client)
    path = f"/v1/jobs/{job_id}/events"
    whole = (await world.client.get(path)).json()
    assert [item["type"] for item in whole["items"]] == ["queued", "succeeded"]
    assert [EventView.model_validate(item).seq for item in whole["items"]] == [1, 2]
    assert list(whole["items"][0]) == list(EventView.model_fields)
    assert (await world.client.get(f"{path}?after=1")).json()["items"] == whole["items"][1:]
    over = (await world.client.get(f"{path}?after=2")).json()
    assert over == {"items": [], "next_cursor": None}


async def test_what_is_unusual_goes_the_ordinary_way(world: Any) -> None:
    job_id = await world.job()
    await is_known(world.client)
    path = f"/v1/jobs/{job_id}"
    assert (await world.client.get(f"{path}?wait=99")).status_code == 422
    assert (await world.client.get(f"{path}/events?after=-1")).status_code == 422
    assert (await world.client.get(f"{path}/events?after={10**18}")).status_code == 422
    assert (await world.client.get(f"{path}/events?after={10**17}")).json()["items"] == []
    assert (await world.client.head(path)).status_code == 405
    nobody = await world.client.get(path, headers={"Authorization": "Basic eA=="})
    assert nobody.status_code == 401


@pytest.mark.usefixtures("ordinary_is_closed")
async def test_log_line_and_metrics_are_those_of_the_route(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    job_id = await world.job()
    await is_known(world.client)

    def note(_: Any, event: str, **values: Any) -> None:
        lines.append({"event": event, **values})

    monkeypatch.setattr(edge.Metrics, "answered", lambda _, *seen: lines.append({"seen": seen}))
    monkeypatch.setattr("structlog._config.BoundLoggerLazyProxy.info", note, raising=False)
    await world.client.get(f"/v1/jobs/{job_id}")
    counted, logged = lines
    assert counted["seen"][:3] == ("GET", "/v1/jobs/{job_id}", 200)
    assert (logged["project_id"], logged["job_id"]) == (world.project_id, job_id)
