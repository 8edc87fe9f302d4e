"""The worker's row: that it is there, what it serves and what it runs on."""

import logging
import os
import threading
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from app.store.db import Sessions
from app.store.workers import WorkerFacts, seen

_EVERY_S = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Presence:
    """Refreshes the row from a thread until the process ends."""

    sessions: Sessions
    facts: WorkerFacts

    def start(self) -> None:
        """Write the row now and every quarter of a minute."""
        threading.Thread(target=self._keep, name="presence", daemon=True).start()

    def _keep(self) -> None:
        pause = threading.Event()
        while True:
            try:
                with self.sessions.begin() as session:
                    seen(session, self.facts)
            except DBAPIError as error:
                log.warning("the worker's row was not written: %s", error)
            pause.wait(_EVERY_S)


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
