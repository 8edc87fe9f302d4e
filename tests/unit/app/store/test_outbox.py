"""The outbox: written with the ending, taken once, settled by whoever took it."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.store import endings, outbox, webhooks
from app.store.outbox import Answered, Parcel
from app.store.queue import claim
from app.store.rows import Delivery, Job, Tally, Webhook
from app.store.rows.base import utc_now
from app.store.tallies.kinds import DELIVERY_TRY
from lathe.errors import TrainingDiverged
from lathe.events import EVENTS
from lathe.states import JobKind, JobState, Queue

LONG_AGO = datetime(2001, 5, 7, tzinfo=UTC)
FINE = Answered(204, None, "ok")
FAILED = Answered(500, "it answered 500", "oops")


def hook(session: Session, events: tuple[str, ...] = EVENTS, project: str = "prj_a") -> str:
    row = Webhook(
        project_id=project, url="https://h.example/", secret="whsec_AAAA", events=list(events)
    )
    session.add(row)
    session.flush()
    return row.id


def job(session: Session, webhook: str | None) -> Job:
    row = Job(
        project_id="prj_a",
        kind=JobKind.COMPRESS,
        queue=Queue.CPU,
        name="edge",
        labels={"team": "cam"},
        spec={"webhook": webhook} if webhook else {},
    )
    session.add(row)
    session.flush()
    return row


def sent(session: Session) -> list[Delivery]:
    session.flush()
    session.expire_all()
    return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def test_after_the_grace_only_the_new_secret_signs(session: Session) -> None:
    row = session.get_one(Webhook, hook(session))
    assert outbox.signing(row) == ("whsec_AAAA",)
    webhooks.rotate(row, 50)
    assert row.secret != "whsec_AAAA"
    assert outbox.signing(row) == (row.secret, "whsec_AAAA")
    row.former_secret_until = utc_now() - timedelta(seconds=1)
    assert outbox.signing(row) == (row.secret,)
    webhooks.rotate(row, 0)
    assert (outbox.signing(row), row.former_secret) == ((row.secret,), None)


def pinged(session: Session, webhook: str) -> str:
    row = outbox.ping(session.get_one(Webhook, webhook))
    session.add(row)
    session.flush()
    return row.id


def taken(session: Session, **but: Any) -> Parcel:
    parcel = outbox.take(session, 60, **but)
    assert parcel is not None
    return parcel


def test_every_way_to_end_is_told_with_what_became_of_the_job(session: Session) -> None:
    told = hook(session)
    failure = TrainingDiverged("it blew up").failure()
    for state, why in (
        (JobState.SUCCEEDED, None),
        (JobState.FAILED, failure),
        (JobState.CANCELLED, None),
    ):
        endings.close(session, job(session, told), state, why)
    bodies = [json.loads(each.body) for each in sent(session)]
    assert [b["type"] for b in bodies] == ["job.succeeded", "job.failed", "job.cancelled"]
    assert [b["data"]["state"] for b in bodies] == ["succeeded", "failed", "cancelled"]
    assert bodies[1]["data"]["failure"]["code"] == "training_diverged"
    assert bodies[0]["data"]["labels"] == {"team": "cam"}
    assert all(datetime.fromisoformat(b["timestamp"]).tzinfo for b in bodies)


def test_only_the_first_start_of_a_job_is_told(session: Session) -> None:
    row = job(session, hook(session))
    for _ in range(2):
        assert claim(session, Queue.CPU, "w", 60) is not None
        session.flush()
        session.execute(update(Job).where(Job.id == row.id).values(state="queued"))
        session.expire_all()
    assert [each.type for each in sent(session)] == ["job.started"]


def test_nothing_is_told_to_who_does_not_want_it_or_may_not_know_it(session: Session) -> None:
    disabled = hook(session)
    session.get_one(Webhook, disabled).disabled_at = utc_now()
    deaf = hook(session, ("job.failed",))
    strangers = hook(session, project="prj_b")
    for each in (None, deaf, disabled, strangers, "whk_gone"):
        endings.close(session, job(session, each), JobState.SUCCEEDED)
    assert sent(session) == []


def test_an_ending_that_is_rolled_back_tells_nothing(session: Session) -> None:
    told = hook(session)
    row = job(session, told)
    session.commit()
    endings.close(session, row, JobState.SUCCEEDED)
    session.rollback()
    assert sent(session) == []


def test_a_message_is_taken_once_until_its_lease_is_over(session: Session) -> None:
    first = pinged(session, hook(session))
    assert outbox.anything_due(session)
    assert taken(session).id == first
    assert not outbox.anything_due(session)
    assert outbox.take(session, 60) is None
    session.execute(update(Delivery).values(next_at=LONG_AGO))  # its courier was killed
    again = taken(session)
    assert (again.id, again.attempt) == (first, 2)


def test_a_try_that_was_overtaken_settles_nothing(session: Session) -> None:
    pinged(session, hook(session))
    late = taken(session)
    session.execute(update(Delivery).values(next_at=LONG_AGO))
    session.expire_all()
    mine = taken(session)
    assert not outbox.settle(session, late, FAILED, None)
    assert outbox.settle(session, mine, FINE, 5)
    assert [(each.state, each.last_status) for each in sent(session)] == [("delivered", 204)]
    assert not outbox.settle(session, mine, FAILED, None)


def test_a_late_try_does_not_settle_what_was_sent_again_on_demand(session: Session) -> None:
    pinged(session, hook(session))
    late = taken(session)
    time.sleep(0.002)  # SQLite's clock has milliseconds
    again = {"state": "pending", "attempts": 0, "next_at": LONG_AGO}  # as redeliver does
    session.execute(update(Delivery).values(**again))
    session.expire_all()
    mine = taken(session)
    assert (late.id, late.attempt) == (mine.id, mine.attempt)
    assert not outbox.settle(session, late, FAILED, None)
    assert outbox.settle(session, mine, FINE, None)


def test_a_failed_try_comes_due_later_and_the_last_one_is_dead(session: Session) -> None:
    pinged(session, hook(session))
    outbox.settle(session, taken(session), FAILED, 300)
    (row,) = sent(session)
    assert row.state == "pending"
    assert timedelta(seconds=290) < row.next_at - utc_now() < timedelta(seconds=310)
    assert (row.last_error, row.last_answer) == ("it answered 500", "oops")
    session.execute(update(Delivery).values(next_at=LONG_AGO))
    session.expire_all()
    outbox.settle(session, taken(session), FAILED, None)
    assert [each.state for each in sent(session)] == ["dead"]
    assert not outbox.anything_due(session)


def test_who_is_gone_is_told_nothing_more(session: Session) -> None:
    gone, other = hook(session), hook(session)
    for each in (gone, gone, other):
        pinged(session, each)
    parcel = taken(session, but_not=[other])
    outbox.settle(session, parcel, Answered(410, "it answered 410", gone=True), 300)
    states = {(each.webhook_id, each.state) for each in sent(session)}
    assert states == {(gone, "dead"), (other, "pending")}
    assert session.get_one(Webhook, gone).disabled_because == "it answered 410: gone"
    endings.close(session, job(session, gone), JobState.SUCCEEDED)
    assert len(sent(session)) == 3


def test_a_message_to_a_disabled_webhook_dies_and_the_next_is_taken(session: Session) -> None:
    disabled = hook(session)
    dead = pinged(session, disabled)
    session.get_one(Webhook, disabled).disabled_at = utc_now()
    fine = pinged(session, hook(session))
    assert taken(session).id == fine
    assert session.get_one(Delivery, dead).state == "dead"


def test_who_has_a_share_already_is_left_out(session: Session) -> None:
    ours, theirs = hook(session), hook(session, project="prj_b")
    pinged(session, ours)
    last = pinged(session, theirs)
    assert not outbox.anything_due(session, but_not=[ours], nor_of=["prj_b"])
    assert taken(session, but_not=[ours]).id == last


@pytest.mark.parametrize(("state", "kept"), [("delivered", 0), ("dead", 1), ("pending", 1)])
def test_what_arrived_is_forgotten_sooner_than_what_died(
    session: Session, state: str, kept: int
) -> None:
    pinged(session, hook(session))
    week_old = utc_now() - timedelta(days=8)
    session.execute(update(Delivery).values(state=state, created_at=week_old))
    outbox.forget(session, 7 * 86_400, 30 * 86_400)
    assert len(sent(session)) == kept


def test_what_is_due_is_found_by_its_index(session: Session) -> None:
    due = outbox.due_messages(["whk_1"], ["prj_1"])
    told = due.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    plan = session.execute(text(f"EXPLAIN QUERY PLAN {told}")).all()
    assert [line[3] for line in plan] == [
        "SEARCH deliveries USING INDEX ix_deliveries_due (next_at<?)"
    ]


def test_how_long_a_try_lasted_is_counted_once_by_how_it_went(session: Session) -> None:
    pinged(session, hook(session))
    mine = taken(session)
    assert outbox.settle(session, mine, replace(FAILED, lasted_s=0.25), 0)
    assert not outbox.settle(session, mine, replace(FINE, lasted_s=40), None)
    session.commit()
    rows = session.scalars(select(Tally).where(Tally.metric == DELIVERY_TRY.name))
    assert {(row.labels, row.part): row.value for row in rows} == {
        ('["refused"]', "0.5"): 1,
        ('["refused"]', "sum"): 0.25,
    }
