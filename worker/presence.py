"""The worker's row: that it is there, what it serves and runs on, and that it leaves."""

import logging
import os
import threading

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.store.db import Sessions
from app.store.trouble import in_one_line
from app.store.workers import WorkerFacts, leave, seen

_EVERY_S = 15.0
_AGAIN_S = 5.0  # while the database is away

log = logging.getLogger(__name__)


class Presence:
    """Keeps the row from a thread: refreshed while the worker serves, and closed at once when
    it begins to stop."""

    def __init__(self, sessions: Sessions, facts: WorkerFacts) -> None:
        self._sessions = sessions
        self._facts = facts
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="presence", daemon=True)

    def start(self) -> None:
        """Write the row now and every quarter of a minute."""
        self._thread.start()

    def leave(self) -> None:
        """Tell that the worker takes no more jobs; returns at once, for signal handlers."""
        self._leaving.set()

    def wait(self, timeout_s: float) -> None:
        """Wait until the row is closed, but no longer than that."""
        self._thread.join(timeout_s)

    def _keep(self) -> None:
        while not self._leaving.is_set():
            try:
                with self._sessions.begin() as session:
                    seen(session, self._facts)
            except (DBAPIError, PoolTimeout) as error:
                log.warning("the worker's row was not written: %s", in_one_line(error))
                self._leaving.wait(_AGAIN_S)
            else:
                self._leaving.wait(_EVERY_S)
        log.info("stopping: no more jobs are taken")
        try:
            with self._sessions.begin() as session:
                leave(session, self._facts.name)
        except (DBAPIError, PoolTimeout) as error:
            log.warning(
                "the worker's row was not closed; it is ignored in a minute: %s",
                in_one_line(error),
            )


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
