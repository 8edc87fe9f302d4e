"""Small disks that can be filled: tmpfs in a mount namespace of this process's own.

The mounts are seen by this process and its children alone and vanish with the last of them.
Without root this takes a user namespace, which a process may enter only while it has one
thread; there it keeps its own user id.
"""

import ctypes
import errno
import os
import tempfile
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000  # linux/sched.h
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18  # linux/mount.h
_BLOCK_BYTES = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


def own_mounts() -> str | None:
    """Enter a mount namespace of our own; the reason when this machine does not allow it."""
    uid, gid = os.geteuid(), os.getegid()
    flags = _CLONE_NEWNS if uid == 0 else _CLONE_NEWNS | _CLONE_NEWUSER
    try:
        _checked(_libc.unshare(flags))
        if uid != 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        _checked(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
        with tempfile.TemporaryDirectory() as probe:
            _mount(Path(probe), 1 << 20)
            _checked(_libc.umount2(os.fsencode(probe), 0))
    except OSError as error:
        return f"no disk can be mounted here ({error.strerror})"
    return None


class Disk:
    """A folder that is a disk of so many bytes: `fill` it, `free` it."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        _mount(path, size_bytes)
        self.path = path
        self._ballast = path / ".ballast"

    def fill(self) -> int:
        """Take every free byte; returns how many there were."""
        written = 0
        with self._ballast.open("ab", buffering=0) as file:
            block = bytes(_BLOCK_BYTES)
            while block:
                try:
                    written += file.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    block = block[: len(block) // 2]
        return written

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Forget the disk and everything on it."""
        _checked(_libc.umount2(os.fsencode(self.path), 0))


def _mount(path: Path, size_bytes: int) -> None:
    options = f"size={size_bytes},mode=0755".encode()
    _checked(_libc.mount(b"lathe-chaos", os.fsencode(path), b"tmpfs", 0, options))


def _checked(status: int) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
