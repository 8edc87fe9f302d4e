"""What nobody needs any more is deleted: in small transactions, for a while, then again later.

First the rows go, and in the same transaction the objects that they named are noted as dead;
then the store is asked to delete those, and what it has deleted is forgotten. A process that is
killed or a store that is away in between leaves the notes, for the next time.
"""

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy.orm import Session

from app.store import dead_objects, outbox, training, transfers, workers
from app.store.blobs.objects import Objects
from app.store.db import Sessions
from app.store.doomed import take_doomed
from app.store.retention import finished, passing, projects, step_cache, unused
from app.store.rows import DeadObject
from lathe.errors import Unavailable
from worker.keep_settings import DAY_S, KeepSettings
from worker.orphanage import Orphanage

EVERY_S = 300.0
DOOMED_FOR_S = 3600.0
_AT_ONCE_S = 2.0  # then leases and hints have their turn
_FORGOTTEN_AFTER_S = DAY_S

Chore = Callable[[Session], int | None]

log = logging.getLogger(__name__)


class Upkeep:
    """The deleting of one copy of the sweep."""

    def __init__(
        self,
        sessions: Sessions,
        objects: Objects,
        keep: KeepSettings,
        *,
        doomed_for_s: float = DOOMED_FOR_S,
        orphanage: Orphanage | None = None,
    ) -> None:
        self._sessions = sessions
        self._objects = objects
        self._chores = list(_chores(keep, doomed_for_s))
        self._left: list[Chore] = []
        self._looking, self._emptied = False, True
        self._begun_s = float("-inf")
        self._orphanage = orphanage
        if orphanage is None and keep.keep_orphans_days is not None:
            self._orphanage = Orphanage(sessions, objects, keep.keep_orphans_days * DAY_S)

    def some(self) -> None:
        """Go on for a moment if it is time for it; raises SQLAlchemyError."""
        now_s = time.monotonic()
        if not self._left and not self._looking and self._emptied:
            if now_s - self._begun_s < EVERY_S:
                return
            self._begin(now_s)
        self._work(now_s + _AT_ONCE_S)

    def all(self) -> None:
        """Delete everything that is to be deleted now; raises SQLAlchemyError."""
        self._begin(time.monotonic())
        self._work(float("inf"))

    def _begin(self, now_s: float) -> None:
        self._begun_s, self._left = now_s, list(self._chores)
        self._looking, self._emptied = True, False

    def _work(self, until_s: float) -> None:
        while self._left and time.monotonic() < until_s:
            with self._sessions.begin() as session:
                found = self._left[0](session)
            if not found:
                self._left.pop(0)
        while self._looking and time.monotonic() < until_s:
            self._looking = self._orphanage is not None and self._orphanage.some()
        while not self._emptied and time.monotonic() < until_s:
            self._emptied = not self._some_of_the_store(until_s)

    def _some_of_the_store(self, until_s: float) -> bool:
        """Delete some dead objects; whether there may be more that can be deleted now. A store
        that is away is asked for one, not for all, or leases would lapse meanwhile."""
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            dead = session.scalars(dead_objects.waiting()).all()
        gone, stuck = list[str](), list[str]()
        for each in dead:
            (gone if self._deleted(each) else stuck).append(each.key)
            if time.monotonic() >= until_s:
                break
        if dead:
            with self._sessions.begin() as session:
                session.execute(dead_objects.gone(gone))
                session.execute(dead_objects.put_off(stuck))
        return bool(gone)

    def _deleted(self, dead: DeadObject) -> bool:
        delete = self._objects.delete_below if dead.with_all_below else self._objects.delete
        try:
            delete(dead.key)
        except Unavailable as error:
            log.warning("%s is still in the object store: %s", dead.key, error.detail)
            return False
        return True


def _chores(keep: KeepSettings, doomed_for_s: float) -> Iterator[Chore]:
    """In this order: what goes lets go of bytes that go behind it."""
    yield projects.forget_projects
    yield from _if_old(finished.forget_jobs, keep.keep_jobs_days)
    yield from _if_old(finished.forget_artifacts, keep.keep_artifacts_days)
    yield from _if_old(unused.forget_models, keep.keep_unused_uploads_days)
    yield from _if_old(unused.forget_datasets, keep.keep_unused_uploads_days)
    yield from _if_old(step_cache.forget_old, keep.keep_step_cache_days)
    if keep.keep_step_cache_bytes is not None:
        yield partial(step_cache.forget_over, most_bytes=keep.keep_step_cache_bytes)
    if keep.keep_step_cache_days is not None or keep.keep_step_cache_bytes is not None:
        yield step_cache.forget_checkpoints
    yield from _if_old(training.forget, keep.keep_training_states_days)
    yield from _if_old(passing.forget_idempotency_keys, keep.keep_idempotency_keys_days)
    yield from _if_old(passing.forget_audit, keep.keep_audit_days)
    yield from _if_old(passing.forget_attempts, keep.keep_attempts_days)
    delivered_s, dead_s = keep.keep_delivered_days * DAY_S, keep.keep_dead_letters_days * DAY_S
    yield partial(outbox.forget, delivered_s=delivered_s, dead_s=dead_s)
    yield passing.forget_page_sessions
    yield passing.forget_former_secrets
    yield _forget_workers
    yield transfers.take_expired
    yield partial(take_doomed, older_than_s=doomed_for_s)


def _if_old(
    chore: Callable[[Session, float], int | None], days: float | None
) -> Iterator[Chore]:
    if days is not None:
        yield lambda session: chore(session, days * DAY_S)


def _forget_workers(session: Session) -> None:
    workers.forget(session, _FORGOTTEN_AFTER_S)
