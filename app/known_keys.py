"""API keys that were verified a moment ago.

A reading request may trust a verification that is at most `FRESH_S` old, so a revoked key
stops reading within that time in every process, and at once in the one that revoked it. A
request that writes is always verified anew. Keys are remembered by their SHA-256, and only
those that were right.
"""

import asyncio
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.store import reads, tenants
from app.store.reads import Reader
from app.store.rows.base import utc_now
from lathe.errors import Unauthenticated

FRESH_S = 5.0
MAX_ENTRIES = 4096
_NO_KEY_SHA256 = tenants.hash_of("")


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that is right: whose it is and what it may do."""

    id: str
    project_id: str
    scopes: frozenset[str]
    expires_at: datetime | None


class KnownKeys:
    """Verifies keys, and remembers each for a moment."""

    def __init__(self, reader: Reader, used: Callable[[str], None]) -> None:
        """`used` is told of every key that is verified."""
        self._reader = reader
        self._used = used
        self._seen: OrderedDict[bytes, tuple[float, KnownKey]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[KnownKey]] = {}
        self._forgotten = 0

    def recent(self, printable: str) -> KnownKey | None:
        """The key, if it was verified within the last `FRESH_S`; asks nobody."""
        found = self._seen.get(_digest(printable))
        if found is None or time.monotonic() > found[0] or _expired(found[1].expires_at):
            return None
        return found[1]

    async def trusted(self, printable: str) -> KnownKey:
        """The key for a request that only reads: verified lately, or now, by one question
        for all who come at once; raises Unauthenticated."""
        known = self.recent(printable)
        if known is not None:
            return known
        digest = _digest(printable)
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self.verified(printable))
            asking.add_done_callback(lambda _: self._asking.pop(digest))
        return await asyncio.shield(asking)

    async def verified(self, printable: str) -> KnownKey:
        """The key as the database has it now; raises Unauthenticated."""
        key_id, secret = tenants.split_key(printable) or ("", "")
        forgotten = self._forgotten
        row = await reads.key(self._reader, key_id)
        expected = row.secret_sha256 if row else _NO_KEY_SHA256
        if not hmac.compare_digest(tenants.hash_of(secret), expected) or row is None:
            raise Unauthenticated("this API key is not known here")
        if row.revoked_at is not None:
            raise Unauthenticated("this API key was revoked; ask an admin for another")
        if _expired(row.expires_at):
            raise Unauthenticated("this API key has expired; ask an admin for another")
        key = KnownKey(row.id, row.project_id, frozenset(row.scopes), row.expires_at)
        self._used(row.id)
        if forgotten == self._forgotten:  # else it may have been revoked while we read
            self._remember(_digest(printable), key)
        return key

    def forget(self, key_id: str) -> None:
        """Verify this key anew at its next request."""
        self._forgotten += 1
        for digest in [d for d, (_, key) in self._seen.items() if key.id == key_id]:
            del self._seen[digest]

    def _remember(self, digest: bytes, key: KnownKey) -> None:
        self._seen.pop(digest, None)
        self._seen[digest] = time.monotonic() + FRESH_S, key
        while len(self._seen) > MAX_ENTRIES:
            self._seen.popitem(last=False)


def _digest(printable: str) -> bytes:
    return hashlib.sha256(printable.encode()).digest()


def _expired(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= utc_now()
