"""Everything a supervisor writes about its job, each write behind the fence of its claim."""

import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.store.blobs.objects import Objects, new_key
from app.store.db import Sessions
from app.store.deposit import Stored, strangers
from app.store.lineage import Lineage, lineage
from app.store.queue import Claim, Standing, held, standing
from app.store.rows import Job
from app.store.trouble import database_trouble
from lathe.errors import OutOfDisk, Unavailable
from worker.patience import Patience

log = logging.getLogger(__name__)

Change = Callable[[Session, Job], None]


class Ledger:
    """Writes of one claim. A database that is away is asked again until the lease is lost, an
    object store for `store_s`, in both cases no longer than until `stops` says so."""

    def __init__(
        self,
        sessions: Sessions,
        objects: Objects,
        claim: Claim,
        lost: threading.Event,
        *,
        store_s: float = 0.0,
        stops: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sessions = sessions
        self._objects = objects
        self._fence = claim.fence
        self._lost = lost
        self._doubtful = False
        self._stops = stops
        self._writing = Patience(0.0, lambda: lost.is_set() or stops(), pause=lost.wait)
        self.patience = Patience(store_s, self._not_ours, pause=lost.wait)

    @property
    def waited_s(self) -> float:
        """How long the job stood still because something was away."""
        return self._writing.waited_s + self.patience.waited_s

    def write(self, change: Change) -> bool:
        """Apply `change` to the held row in one transaction; False when the claim is lost, or
        when the database stays away while the worker must stop."""

        def once() -> bool:
            try:
                return self._write(change)
            except SQLAlchemyError:
                self._doubtful = True  # it may have been committed all the same
                raise

        if self._lost.is_set():
            return False
        try:
            return self._writing(f"writing about {self._fence.job_id}", once)
        except (Unavailable, OutOfDisk):
            return False

    def standing(self) -> Standing:
        """How the claim stands; HELD while the database does not answer, the lease decides."""
        if self._lost.is_set():
            return Standing.LOST
        try:
            with self._sessions() as session:
                session.connection(execution_options={"read_only": True})
                return standing(session, self._fence)
        except SQLAlchemyError as error:
            self._pass_over("standing of %s unknown: %s", error)
            return Standing.HELD

    def store(self, kind: str, path: Path) -> Stored:
        """Copy a file into the object store; raises OutOfDisk, Unavailable."""
        key = new_key(kind)
        what = f"storing for {self._fence.job_id}"
        written = self.patience(what, lambda: self._objects.write_file(key, path))
        return Stored(key, written.sha256, written.size_bytes)

    def put(self, kind: str, data: bytes) -> Stored:
        """Write a small object; raises OutOfDisk, Unavailable."""
        key = new_key(kind)
        what = f"storing for {self._fence.job_id}"
        self.patience(what, lambda: self._objects.put(key, data))
        return Stored(key, hashlib.sha256(data).hexdigest(), len(data))

    def lineage(self) -> Lineage:
        """What the job was made of; raises Unavailable when the database stays away."""

        def once() -> Lineage:
            with self._sessions() as session:
                session.connection(execution_options={"read_only": True})
                return lineage(session, self._fence.job_id)

        return self._writing(f"reading about {self._fence.job_id}", once)

    def try_to_store(self, kind: str, path: Path) -> Stored | None:
        """Copy a file that the job can do without; None where the store does not take it."""
        key = new_key(kind)
        try:
            written = self._objects.write_file(key, path)
        except (OutOfDisk, Unavailable) as error:
            log.warning("%s of %s is not stored: %s", kind, self._fence.job_id, error.detail)
            return None
        return Stored(key, written.sha256, written.size_bytes)

    def discard_strangers(self, stored: list[Stored]) -> None:
        """Delete those objects that no row names: duplicates, or a lost claim's work.

        After a doubtful write they are left alone, as a late commit may still name them; so
        they are when nobody can be asked.
        """
        if self._doubtful or not stored:
            return
        try:
            with self._sessions() as session:
                session.connection(execution_options={"read_only": True})
                unnamed = strangers(session, [each.key for each in stored])
            for key in unnamed:
                self._objects.delete(key)
        except SQLAlchemyError as error:
            self._pass_over("objects of %s left behind: %s", error)
        except Unavailable as error:
            log.warning("objects of %s left behind: %s", self._fence.job_id, error.detail)

    def _write(self, change: Change) -> bool:
        with self._sessions.begin() as session:
            job = held(session, self._fence)
            if job is None:
                self._lost.set()
                return False
            change(session, job)
            return True

    def _not_ours(self) -> bool:
        return self._stops() or self.standing() is not Standing.HELD

    def _pass_over(self, message: str, error: SQLAlchemyError) -> None:
        trouble = database_trouble(error)
        if trouble is None:
            raise error
        log.warning(message, self._fence.job_id, trouble.detail)
