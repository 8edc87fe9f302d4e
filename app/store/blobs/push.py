"""Have the kernel write a growing file to the disk while it grows."""

import ctypes

_PUSH_BYTES = 16 << 20
_SYNC_FILE_RANGE_WRITE = 2  # sync_file_range(2)

_libc = ctypes.CDLL(None)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class Push:
    """Every 16 MiB it is told to begin, so that a sync has little to wait for and dirty pages
    stay few."""

    def __init__(self, file: int, start: int) -> None:
        """`file` is a descriptor that is written to from the position `start` on."""
        self._file = file
        self._written_bytes = self._pushed_bytes = start

    def written(self, size_bytes: int) -> None:
        """So many bytes were added."""
        self._written_bytes += size_bytes
        ahead = self._written_bytes - self._pushed_bytes
        if ahead >= _PUSH_BYTES:
            # its answer does not matter: what could not be begun now is done by the sync
            _libc.sync_file_range(self._file, self._pushed_bytes, ahead, _SYNC_FILE_RANGE_WRITE)
            self._pushed_bytes = self._written_bytes
