"""A new file of the object folder, without a name until it is whole.

The kernel forgets a nameless file (O_TMPFILE, open(2)) with its last descriptor, so a writer
that dies leaves nothing behind. File systems that have none, such as NFS, get a file beside
the key's place, which then does stay when its writer dies.
"""

import errno
import os
from pathlib import Path

from app.store.blobs.made_folder import made_folder
from app.store.blobs.push import Push
from app.store.blobs.write_all import write_all

_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR}  # the file system's answer; an old kernel's
_MODE = 0o666  # less the umask


class FolderFile:
    """Takes bytes until `close` names the file, or `discard` forgets it.

    Every 16 MiB the kernel is told to begin writing to the disk, so that `close` has not all
    of a large file to wait for and dirty pages stay few.
    """

    def __init__(self, root: Path, key: str) -> None:
        """Raises OSError, also where `root` is gone: it is never made anew."""
        self._path = root / key
        self._part: str | None = None
        self._folder = made_folder(root, self._path.parent)
        self._held = [self._folder]
        try:
            self._file = self._nameless()
        except BaseException:  # nobody else would close the folder
            self._let_go()
            raise
        self._held.append(self._file)
        self._push = Push(self._file, 0)

    def write(self, data: bytes | memoryview) -> None:
        """Add all of `data`."""
        self._push.written(write_all(self._file, data))

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
