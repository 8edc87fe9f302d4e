"""A thread that keeps a claim alive while its job runs, and tells when it is lost."""

import logging
import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.store.db import Sessions
from app.store.queue import Fence, Standing, beat

_BEATS_PER_LEASE = 4

log = logging.getLogger(__name__)


class Lease:
    """Renews the lease every quarter of it. `lost` is set when the row is no longer ours, or
    when the database could not be reached for a whole lease: by then it is another's."""

    def __init__(self, sessions: Sessions, fence: Fence, lease_s: float) -> None:
        self._sessions = sessions
        self._fence = fence
        self._lease_s = lease_s
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
        renewed_s = time.monotonic()
        while not self._ended.wait(self._lease_s / _BEATS_PER_LEASE):
            asked_s = time.monotonic()
            try:
                with self._sessions.begin() as session:
                    standing = beat(session, self._fence, self._lease_s)
            except (DBAPIError, PoolTimeout) as error:
                log.warning("lease of %s not renewed: %s", self._fence.job_id, error)
                standing = Standing.HELD
            else:
                renewed_s = asked_s
            if standing is Standing.LOST or time.monotonic() - renewed_s > self._lease_s:
                log.warning("lease of %s lost", self._fence.job_id)
                self.lost.set()
                return
