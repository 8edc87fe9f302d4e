"""What a loop beside the workers tells of itself: a row beside theirs, without a queue."""

import logging
import os
import socket
import time

from sqlalchemy.exc import SQLAlchemyError

from app.store.db import Sessions
from app.store.trouble import in_one_line
from app.store.workers import WorkerFacts, leave, seen
from lathe import __version__, spec_version

_EVERY_S = 15.0

log = logging.getLogger(__name__)


class Rounds:
    """Counts the rounds and writes them down, from the loop itself: a loop that stands still
    is not seen."""

    def __init__(self, sessions: Sessions, role: str) -> None:
        """`role` names the loop: sweep, deliver."""
        self._sessions = sessions
        self._role = role
        self._name = f"{role}-{os.getpid()}@{socket.gethostname()}"
        self._rounds = self._failed_rounds = 0
        self._told_s = float("-inf")

    def count(self, *, failed: bool) -> None:
        """One more round; the row is written now and then."""
        self._rounds, self._failed_rounds = self._rounds + 1, self._failed_rounds + failed
        if time.monotonic() - self._told_s < _EVERY_S:
            return
        try:
            with self._sessions.begin() as session:
                seen(session, self._facts())
        except SQLAlchemyError as error:
            log.warning(
                "the row of this %s was not written: %s", self._role, in_one_line(error)
            )
        else:
            self._told_s = time.monotonic()

    def end(self) -> None:
        """The loop stops."""
        try:
            with self._sessions.begin() as session:
                leave(session, self._name)
        except SQLAlchemyError as error:
            log.warning("the row of this %s was not closed: %s", self._role, in_one_line(error))

    def _facts(self) -> WorkerFacts:
        return WorkerFacts(
            name=self._name,
            queues=[],
            device="none",
            memory_bytes=0,
            slots=0,
            release=__version__,
            spec_oldest=spec_version.OLDEST,
            spec_newest=spec_version.NEWEST,
            facts={
                "role": self._role,
                "rounds": self._rounds,
                "failed_rounds": self._failed_rounds,
            },
        )
