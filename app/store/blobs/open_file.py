"""An object of the folder while it is read."""

import os


class OpenFile:
    """Closed with the last reference to it: a client may go away before a reader has begun."""

    def __init__(self, path: str) -> None:
        """Raises OSError."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # not where the opening failed
            os.close(self._file)

    def piece(self, start: int, size_bytes: int) -> bytes:
        """`size_bytes` from `start`, or fewer where the file ends."""
        return os.pread(self._file, size_bytes, start)
