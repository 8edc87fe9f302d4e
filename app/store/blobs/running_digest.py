"""The sha256 of a file so far, kept from one request to the next."""

import hashlib
from collections import OrderedDict

_MOST = 256


class RunningDigest:
    """Grows with the file."""

    def __init__(self) -> None:
        self._digest, self.size_bytes = hashlib.sha256(), 0

    def add(self, data: bytes | memoryview) -> None:
        """`data` comes next in the file."""
        self._digest.update(data)
        self.size_bytes += len(data)

    def hexdigest(self) -> str:
        """Of everything that was added."""
        return self._digest.hexdigest()


class RunningDigests:
    """What this process has hashed of files that still grow, the latest few of them.

    It spares reading a file that came through one process once more; what is not here, or
    does not fit the file's size, is simply hashed again.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, RunningDigest] = OrderedDict()

    def take(self, key: str, size_bytes: int) -> RunningDigest | None:
        """The digest of the file's first `size_bytes`, which nobody else gets meanwhile."""
        if size_bytes == 0:
            self._kept.pop(key, None)
            return RunningDigest()
        kept = self._kept.pop(key, None)
        return kept if kept is not None and kept.size_bytes == size_bytes else None

    def keep(self, key: str, digest: RunningDigest) -> None:
        """For the next request about this file."""
        self._kept[key] = digest
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
