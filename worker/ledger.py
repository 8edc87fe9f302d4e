"""Everything a supervisor writes about its job, each write behind the fence of its claim."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from app.store.db import Sessions
from app.store.deposit import Stored, strangers
from app.store.objects import Objects, new_key
from app.store.queue import Claim, Standing, held, standing
from app.store.rows import Job

_RETRY_S = 0.5

log = logging.getLogger(__name__)

Change = Callable[[Session, Job], None]


class Ledger:
    """Writes of one claim. A database that is away is asked again until the lease is lost."""

    def __init__(
        self, sessions: Sessions, objects: Objects, claim: Claim, lost: threading.Event
    ) -> None:
        self._sessions = sessions
        self._objects = objects
        self._fence = claim.fence
        self._lost = lost
        self._doubtful = False

    def write(self, change: Change) -> bool:
        """Apply `change` to the held row in one transaction; False when the claim is lost."""
        while not self._lost.is_set():
            try:
                with self._sessions.begin() as session:
                    job = held(session, self._fence)
                    if job is None:
                        self._lost.set()
                        return False
                    change(session, job)
            except (OperationalError, InterfaceError) as error:
                log.warning("write about %s failed: %s", self._fence.job_id, error)
                self._doubtful = True  # it may have been committed all the same
                self._lost.wait(_RETRY_S)
            else:
                return True
        return False

    def standing(self) -> Standing:
        """How the claim stands; HELD while the database does not answer, the lease decides."""
        if self._lost.is_set():
            return Standing.LOST
        try:
            with self._sessions() as session:
                session.connection(execution_options={"read_only": True})
                return standing(session, self._fence)
        except (OperationalError, InterfaceError) as error:
            log.warning("standing of %s unknown: %s", self._fence.job_id, error)
            return Standing.HELD

    def store(self, kind: str, path: Path) -> Stored:
        """Copy a file into the object store; raises OutOfDisk, Unavailable."""
        key = new_key(kind)
        written = self._objects.write_file(key, path)
        return Stored(key, written.sha256, written.size_bytes)

    def discard_strangers(self, stored: list[Stored]) -> None:
        """Delete those objects that no row names: duplicates, or a lost claim's work.

        After a doubtful write they are left alone, as a late commit may still name them.
        """
        if self._doubtful or not stored:
            return
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            unnamed = strangers(session, [each.key for each in stored])
        for key in unnamed:
            self._objects.delete(key)
