"""A thread that keeps a claim alive while its job runs, and tells when it is lost."""

import logging
import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from app.store.db import Sessions
from app.store.queue import Fence, Standing, beat
from app.store.trouble import database_trouble
from worker.allowance import Allowance

_BEATS_PER_LEASE = 4
_AGAIN_S = 2.0  # between two tries to reach a database that is away

log = logging.getLogger(__name__)


class Lease:
    """Renews the lease every quarter of it, and looks at the job's allowance then. `lost` is
    set when the row is no longer ours.

    While the database is away nobody else can have taken the job, so a lease that is over is
    no loss yet: only the row can tell. It is asked every two seconds, and given up when it
    was away for `patience_s`, as by then it may be this machine alone that is cut off.
    """

    def __init__(
        self,
        sessions: Sessions,
        fence: Fence,
        lease_s: float,
        patience_s: float,
        allowance: Allowance | None = None,
    ) -> None:
        self._sessions = sessions
        self._fence = fence
        self._every_s = lease_s / _BEATS_PER_LEASE
        self._lease_s = lease_s
        self._patience_s = max(lease_s, patience_s)
        self._allowance = allowance
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.lost = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _keep(self) -> None:
        renewed_s, pause_s = time.monotonic(), self._every_s
        while not self._ended.wait(pause_s):
            asked_s = time.monotonic()
            standing = self._beat()
            if standing is not None:
                renewed_s = asked_s
            pause_s = self._every_s if standing else min(self._every_s, _AGAIN_S)
            given_up = time.monotonic() - renewed_s > self._patience_s
            if standing is Standing.LOST or given_up:
                log.info("%s is over, or another's", self._fence.job_id)
                self.lost.set()
                return
            if standing is not None:
                self._look()

    def _beat(self) -> Standing | None:
        """How the row stands; None when it could not be asked."""
        try:
            with self._sessions.begin() as session:
                return beat(session, self._fence, self._lease_s)
        except SQLAlchemyError as error:
            self._pass_over("lease of %s not renewed: %s", error)
            return None

    def _look(self) -> None:
        """A look that fails is made up for with the next renewal."""
        if self._allowance is None or not self._allowance.limited:
            return
        try:
            with self._sessions() as session:
                session.connection(execution_options={"read_only": True})
                self._allowance.look(session)
        except SQLAlchemyError as error:
            self._pass_over("allowance of %s unknown: %s", error)

    def _pass_over(self, message: str, error: SQLAlchemyError) -> None:
        trouble = database_trouble(error)
        if trouble is None:  # a bug here must not let the child go on unwatched
            self.lost.set()
            raise error
        log.warning(message, self._fence.job_id, trouble.detail)
