"""Webhooks between real processes: told, verified, tried again, and never in a job's way."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook as Verifier

from app.store import outbox
from app.store.rows import Delivery, Tally, Webhook
from app.store.rows.base import utc_now
from app.store.tallies.count import SUM
from app.store.tallies.kinds import DELIVERY_TRY
from lathe.events import ENDINGS
from lathe.job import JobSpec
from lathe.states import JobState
from lathe.techniques.optimize import OptimizeGraph
from tests.services.worker.conftest import on_both_databases
from tests.services.worker.crew import STAND_IN, Crew
from tests.services.worker.receiver import Receiver, receiver
from tests.services.worker.shop import Shop

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
pytestmark = on_both_databases


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def crew(deployment: dict[str, str], tmp_path: Path) -> Iterator[Crew]:
    more = {
        "LATHE_OUTBOUND_ALLOW": "127.0.0.1",
        "LATHE_WEBHOOK_TIMEOUT_S": "1",
        "LATHE_WEBHOOK_RETRIES_S": "0.3,0.4",
        "LATHE_THREADS": "1",
    }
    crew = Crew(deployment | more, tmp_path / "logs", STAND_IN)
    yield crew
    crew.dismiss()


def hook(shop: Shop, url: str) -> str:
    with shop.sessions.begin() as session:
        row = Webhook(project_id=shop.project_id, url=url, secret=SECRET, events=list(ENDINGS))
        session.add(row)
    return row.id


def ping(shop: Shop, webhook: str) -> str:
    with shop.sessions.begin() as session:
        row = outbox.ping(session.get_one(Webhook, webhook))
        session.add(row)
    return row.id


def submit(shop: Shop, model: str, webhook: str | None, seed: int = 0) -> str:
    step = OptimizeGraph(id="s")
    return shop.submit(JobSpec(model=model, pipeline=(step,), webhook=webhook, seed=seed))


def only(shop: Shop) -> Delivery:
    (row,) = shop.rows(Delivery)
    found: Delivery = row
    return found


def test_the_end_of_a_job_is_told_and_verifies(shop: Shop, crew: Crew, there: Receiver) -> None:
    crew.hire("w", "cpu")
    crew.sweep()
    crew.deliver()
    told = hook(shop, f"{there.url}/in?x=1")
    job = submit(shop, shop.ready_model(b"{}"), told)
    crew.until(lambda: bool(there.heard))
    (heard,) = there.heard
    body = Verifier(SECRET).verify(heard.body, heard.headers)
    assert heard.path == "/in?x=1"
    assert heard.headers["content-type"] == "application/json"
    assert (body["type"], body["data"]["job"]) == ("job.succeeded", job)
    assert body["data"]["verdict"]["realised"] == "smaller"
    crew.until(lambda: only(shop).state == "delivered")
    assert only(shop).last_answer is None  # it is an internal address


def test_a_failed_try_is_made_again_with_the_same_message(
    shop: Shop, crew: Crew, there: Receiver
) -> None:
    there.statuses = [500, 302]
    message = ping(shop, hook(shop, there.url))
    crew.deliver()
    crew.until(lambda: only(shop).state == "delivered")
    assert [heard.message for heard in there.heard] == [message] * 3
    assert len({heard.body for heard in there.heard}) == 1
    assert {heard.path for heard in there.heard} == {"/"}  # no redirect was followed
    for heard in there.heard:
        Verifier(SECRET).verify(heard.body, heard.headers)
    lasted = {t.labels: t.value for t in shop.rows(Tally, metric=DELIVERY_TRY.name, part=SUM)}
    assert lasted.keys() == {'["refused"]', '["delivered"]'}
    assert all(0 < seconds < 3 for seconds in lasted.values())  # two tries of a second at most


def test_a_message_dies_behind_its_last_try_and_says_why(
    shop: Shop, crew: Crew, there: Receiver
) -> None:
    there.statuses = [503] * 3
    ping(shop, hook(shop, there.url))
    crew.deliver()
    crew.until(lambda: only(shop).state == "dead")
    assert (only(shop).attempts, only(shop).last_error) == (3, "it answered 503")
    assert len(there.heard) == 3


def test_a_receiver_that_is_gone_is_left_alone(shop: Shop, crew: Crew, there: Receiver) -> None:
    there.statuses = [410]
    told = hook(shop, there.url)
    ping(shop, told)
    crew.deliver()
    crew.until(lambda: only(shop).state == "dead")
    (row,) = shop.rows(Webhook)
    assert row.disabled_because == "it answered 410: gone"
    assert len(there.heard) == 1


def test_an_address_inside_is_refused_and_never_connected_to(
    shop: Shop, crew: Crew, there: Receiver
) -> None:
    port = there.url.rpartition(":")[2]
    ping(shop, hook(shop, f"https://localhost:{port}/"))
    crew.deliver()
    crew.until(lambda: only(shop).attempts == 1 and only(shop).last_error is not None)
    assert "only the ports 443 and 8443" in str(only(shop).last_error)
    with shop.sessions.begin() as session:
        again = {"attempts": 0, "next_at": utc_now(), "last_error": None, "state": "pending"}
        session.execute(update(Webhook).values(url="https://localhost:8443/"))
        session.execute(update(Delivery).values(**again))
    crew.until(lambda: only(shop).last_error is not None)
    assert there.heard == []


def test_killed_deliverers_lose_nothing(shop: Shop, crew: Crew, there: Receiver) -> None:
    there.pause_s = 0.1
    told = [hook(shop, there.url) for _ in range(3)]
    sent = {ping(shop, told[n % 3]) for n in range(60)}
    for most in (8, 20, 35):
        process = crew.deliver()
        crew.until(lambda most=most: len(there.heard) >= most)  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert {row.state for row in shop.rows(Delivery)} == {"pending", "delivered"}
    crew.deliver()
    crew.deliver()
    crew.until(lambda: len(shop.rows(Delivery, state="delivered")) == len(sent))
    assert {heard.message for heard in there.heard} == sent
    assert len(there.heard) <= len(sent) + 3 * 12  # again at most what was under way


def test_a_dead_receiver_slows_no_job(shop: Shop, crew: Crew, there: Receiver) -> None:
    there.pause_s = 60.0
    crew.hire("w", "cpu")
    crew.sweep()
    crew.deliver()
    dead, model = hook(shop, there.url), shop.ready_model(b"{}")
    timed(shop, crew, model, None, 0)  # warm
    times: dict[str | None, list[float]] = {None: [], dead: []}
    for turn in range(6):
        told = (None, dead)[turn % 2]
        times[told].append(timed(shop, crew, model, told, 1 + turn))
    alone_s, dead_s = min(times[None]), min(times[dead])  # the least disturbed of each
    ratio = alone_s / dead_s
    rates = {"alone_per_s": 12 / alone_s, "dead_per_s": 12 / dead_s, "ratio": ratio}
    (shop.folder / "rates.json").write_text(json.dumps(rates))
    assert len(shop.rows(Delivery)) == 36
    assert shop.in_state(JobState.SUCCEEDED) == 84
    assert ratio > 0.7


def test_dead_receivers_of_one_project_hold_up_nobody_elses_messages(
    shop: Shop, crew: Crew, there: Receiver, tmp_path: Path
) -> None:
    there.pause_s = 60.0
    for webhook in [hook(shop, there.url) for _ in range(12)]:
        for _ in range(10):
            ping(shop, webhook)
    crew.deliver()
    crew.until(lambda: any(row.attempts for row in shop.rows(Delivery)))
    other = Shop.open(shop.database_url, tmp_path / "other")
    with receiver() as alive:
        ping(other, hook(other, alive.url))
        began_s = time.monotonic()
        crew.until(lambda: bool(alive.heard))
        assert time.monotonic() - began_s < 3
    under_way = sum(row.attempts for row in shop.rows(Delivery) if row.last_at is None)
    assert under_way <= 8
    other.close()


def timed(shop: Shop, crew: Crew, model: str, told: str | None, turn: int) -> float:
    """Seconds that twelve jobs take, from the first submit to the last end."""
    before, began_s = shop.in_state(JobState.SUCCEEDED), time.monotonic()
    for seed in range(12):
        submit(shop, model, told, 100 * turn + seed)
    crew.until(lambda: shop.in_state(JobState.SUCCEEDED) == before + 12)
    return time.monotonic() - began_s
