"""A new file of the object folder, without a name until it is whole.

The kernel forgets a nameless file (O_TMPFILE, open(2)) with its last descriptor, so a writer
that dies leaves nothing behind. File systems that have none, such as NFS, get a file beside
the key's place, which then does stay when its writer dies.
"""

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path

from app.store.blobs.write_all import write_all

_PUSH_BYTES = 16 << 20
_SYNC_FILE_RANGE_WRITE = 2  # sync_file_range(2)
_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR}  # the file system's answer; an old kernel's
_MODE = 0o666  # less the umask

_libc = ctypes.CDLL(None)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class FolderFile:
    """Takes bytes until `close` names the file, or `discard` forgets it.

    Every 16 MiB the kernel is told to begin writing to the disk, so that `close` has not all
    of a large file to wait for and dirty pages stay few.
    """

    def __init__(self, root: Path, key: str) -> None:
        """Raises OSError, also where `root` is gone: it is never made anew."""
        self._path = root / key
        self._part: str | None = None
        self._written_bytes = self._pushed_bytes = 0
        self._folder = _folder(root, self._path.parent)
        self._held = [self._folder]
        try:
            self._file = self._nameless()
        except BaseException:  # nobody else would close the folder
            self._let_go()
            raise
        self._held.append(self._file)

    def write(self, data: bytes | memoryview) -> None:
        """Add all of `data`."""
        self._written_bytes += write_all(self._file, data)
        ahead = self._written_bytes - self._pushed_bytes
        if ahead >= _PUSH_BYTES:
            # its answer does not matter: what could not be begun now is done by `close`
            _libc.sync_file_range(self._file, self._pushed_bytes, ahead, _SYNC_FILE_RANGE_WRITE)
            self._pushed_bytes = self._written_bytes

    def close(self) -> None:
        """Name the file; it and its name are on the disk when this returns."""
        os.fsync(self._file)
        if self._part is None:
            nameless = f"/proc/self/fd/{self._file}"
            os.link(nameless, self._path.name, dst_dir_fd=self._folder)
        else:
            os.rename(
                self._part, self._path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder
            )
            self._part = None
        os.fsync(self._folder)
        self._let_go()

    def discard(self) -> None:
        """Leave nothing, whether `close` was called or not."""
        self._path.unlink(missing_ok=True)
        if self._part is not None:
            self._path.with_name(self._part).unlink(missing_ok=True)
        self._let_go()

    def _nameless(self) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            return os.open(".", flags | os.O_TMPFILE, _MODE, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in _NO_NAMELESS:
                raise
        self._part = f"{self._path.name}.part"
        return os.open(self._part, flags | os.O_CREAT | os.O_EXCL, _MODE, dir_fd=self._folder)

    def _let_go(self) -> None:
        while self._held:
            os.close(self._held.pop())


def _folder(root: Path, folder: Path) -> int:
    """A descriptor of `folder`, which lies below `root` and is made where it is not there."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    missing = folder.relative_to(root).parents[:-1][::-1]
    for part in (*missing, folder.relative_to(root)):
        with suppress(FileExistsError):
            (root / part).mkdir()
    return os.open(folder, flags)
