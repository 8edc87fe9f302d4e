"""Find the objects that no row names (see `app.store.orphans`), and note them as dead."""

import logging
import time
from collections.abc import Iterator
from itertools import islice

from app.store import orphans
from app.store.blobs.inventory import Listed
from app.store.blobs.objects import Objects
from app.store.db import Sessions
from app.store.dead_objects import bury
from lathe.errors import Refused

EVERY_S = 86_400.0
BETWEEN_S = 3 * 3600.0  # two looks: longer than any settings let a request wait
_BATCH = 500
_MOST = 100_000  # in memory; the next day has the rest

log = logging.getLogger(__name__)


class Orphanage:
    """Goes through the store once a day, a batch at a time. Nothing is written down before the
    second look, so one that is killed begins anew."""

    def __init__(
        self,
        sessions: Sessions,
        objects: Objects,
        older_s: float,
        *,
        between_s: float = BETWEEN_S,
    ) -> None:
        self._sessions, self._objects = sessions, objects
        self._older_s, self._between_s = older_s, between_s
        self._begun_s = float("-inf")
        self._listing: Iterator[Listed] | None = None
        self._settled_s = float("inf")
        self._named = 0
        self._seen: dict[str, float] = {}  # orphans of this listing, and when they were seen

    def some(self) -> bool:
        """Look at a batch; whether there is more to look at now. Raises SQLAlchemyError."""
        if self._listing is None:
            if time.monotonic() - self._begun_s >= EVERY_S:
                self._begin()
                return True
            return self._take_over()
        try:
            batch = list(islice(self._listing, _BATCH))
        except Refused as error:  # all that was seen is seen again tomorrow
            log.warning("the store was not looked through for orphans: %s", error.detail)
            self._listing, self._seen = None, {}
            return False
        if not batch:
            self._end()
        else:
            self._look(batch)
        return True

    def _begin(self) -> None:
        self._begun_s = time.monotonic()
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            self._settled_s = orphans.settled_s(session, self._older_s)
        self._listing, self._named, self._seen = self._objects.listed(), 0, {}

    def _look(self, batch: list[Listed]) -> None:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            unnamed = set(orphans.unnamed(session, [each.key for each in batch]))
        self._named += len(batch) - len(unnamed)
        now_s = time.monotonic()
        for each in batch:
            old = each.age_s > self._settled_s
            if old and each.key in unnamed and len(self._seen) < _MOST:
                self._seen[each.key] = now_s

    def _end(self) -> None:
        self._listing = None
        if self._seen and not self._named:
            log.warning(
                "no row names any object of the store, so none of its %d is deleted: this "
                "database is not theirs, or they are another installation's",
                len(self._seen),
            )
            self._seen = {}

    def _take_over(self) -> bool:
        """The second look at some of what was seen long enough ago."""
        before_s = time.monotonic() - self._between_s
        due = list(islice((key for key, at in self._seen.items() if at <= before_s), _BATCH))
        if not due:
            return False
        with self._sessions.begin() as session:
            dead = orphans.unnamed(session, due)
            bury(session, dead)
        for key in due:
            del self._seen[key]
        if dead:
            log.info("%d objects that no row named are deleted", len(dead))
        return True
