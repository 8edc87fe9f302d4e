"""Finished jobs as they were last answered, so that a client that asks again costs no read.

A finished job never changes, so an entry can only be about a job that was deleted since: it
is dropped after `FRESH_S`, in every process. Who asks is known before this is asked.
"""

import time
from collections import OrderedDict

from app.follow.prepared import PreparedJob

FRESH_S = 30.0
MAX_ENTRIES = 4096
MAX_BYTES = 16 << 20

_Key = tuple[str, str]  # project, job


class KeptJobs:
    """The least recently asked for goes first when there are too many, or too large ones."""

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._entries: OrderedDict[_Key, tuple[float, PreparedJob]] = OrderedDict()
        self._bytes = 0

    def get(self, project_id: str, job_id: str) -> PreparedJob | None:
        """The answer for a finished job of this project, if it was kept lately."""
        key = project_id, job_id
        found = self._entries.get(key)
        if found is None:
            return None
        kept_until, prepared = found
        if time.monotonic() > kept_until:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return prepared

    def keep(self, project_id: str, job_id: str, prepared: PreparedJob) -> None:
        """Keep the answer for a finished job; one for an unfinished job is not kept."""
        if not prepared.finished or len(prepared.body) > self._max_bytes:
            return
        key = project_id, job_id
        if key in self._entries:
            self._drop(key)
        self._entries[key] = time.monotonic() + FRESH_S, prepared
        self._bytes += len(prepared.body)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, project_id: str, job_id: str) -> None:
        """The job was deleted; other processes forget it by themselves."""
        if (project_id, job_id) in self._entries:
            self._drop((project_id, job_id))

    def _drop(self, key: _Key) -> None:
        _, prepared = self._entries.pop(key)
        self._bytes -= len(prepared.body)
