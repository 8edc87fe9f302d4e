"""Ways out of a child that a denylist forgets: each works without walls, or is refused by
number alone."""

import ctypes
import fcntl
import mmap
import os
import platform
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]
_IPC = 0o1600  # IPC_CREAT, and only for its owner
_RMID = 0


def _call(name: str, *arguments: object) -> int:
    """A function of the C library; raises OSError as the kernel says."""
    return _checked(getattr(_libc, name)(*arguments))


def _raw(number: int, *arguments: object) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _reap(pid: int) -> object:
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def _clone(_wish: dict[str, Any]) -> object:
    return _reap(_raw(_CLONE, 17, 0, 0, 0, 0))  # SIGCHLD, no CLONE_THREAD


def _clone3(_wish: dict[str, Any]) -> object:
    arguments = ctypes.create_string_buffer(struct.pack("=8Q", 0, 0, 0, 0, 17, 0, 0, 0))
    return _reap(_raw(435, arguments, ctypes.c_size_t(64)))


def _spawn(_wish: dict[str, Any]) -> object:
    """With vfork's flags, as subprocess does."""
    return os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1]


def _descriptors_of_its_own(_wish: dict[str, Any]) -> object:
    """A thread that shares memory and signals, not open files: /proc/<pid>/fd has the first
    thread's alone. CLONE_VM, CLONE_SIGHAND, CLONE_THREAD; it ends at once."""
    stack = ctypes.create_string_buffer(1 << 16)
    top = (ctypes.addressof(stack) + len(stack)) & ~0xFF
    begun = ctypes.cast(_libc.getppid, ctypes.c_void_p)
    thread = _call("clone", begun, ctypes.c_void_p(top), 0x100 | 0x800 | 0x10000, None)
    time.sleep(0.1)  # it is on that stack
    return thread


def _close_apart(_wish: dict[str, Any]) -> object:
    """The same for the thread that calls: CLOSE_RANGE_UNSHARE."""
    return _raw(436, 1000, 1001, 2)


def _memfd(_wish: dict[str, Any]) -> object:
    """Memory that no limit counts, and a program that lies in no file."""
    return os.write(os.memfd_create("hidden"), b"x" * 4096)


def _fexecve(_wish: dict[str, Any]) -> object:
    os.execve(os.open("/bin/true", os.O_RDONLY), ["true"], {})


def _datagram(wish: dict[str, Any]) -> object:
    """A pair needs no connect to send to a path."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        return one.sendto(b"x", wish["path"])


def _passed_descriptors(_wish: dict[str, Any]) -> object:
    """Open files that nobody can count."""
    one, other = socket.socketpair()
    with one, other:
        return socket.send_fds(one, [b"x"], [0])


def _chmod(wish: dict[str, Any]) -> object:
    return Path(wish["path"]).chmod(0o666)


def _fchmod(wish: dict[str, Any]) -> object:
    """Of a file that may only be read."""
    with Path(wish["path"]).open("rb") as file:
        return os.fchmod(file.fileno(), 0o600)


def _fchmodat2(wish: dict[str, Any]) -> object:
    return _raw(452, -100, wish["path"].encode(), 0o666, 0)


def _chown(wish: dict[str, Any]) -> object:
    return os.chown(wish["path"], os.getuid(), os.getgid())


def _utime(wish: dict[str, Any]) -> object:
    return os.utime(wish["path"], (1, 1))


def _setxattr(wish: dict[str, Any]) -> object:
    return os.setxattr(wish["path"], "user.lathe", b"x")


def _truncate(wish: dict[str, Any]) -> object:
    return os.truncate(wish["path"], 1)


def _empty_by_reading(wish: dict[str, Any]) -> object:
    """What landlock before its ABI 3 lets through for every file that may be read."""
    return os.close(os.open(wish["path"], os.O_RDONLY | os.O_TRUNC))


def _watch_folder(wish: dict[str, Any]) -> object:
    watcher = _call("inotify_init")
    return _call("inotify_add_watch", watcher, wish["path"].encode(), 0x100)


def _shm(_wish: dict[str, Any]) -> object:
    """Memory that stays behind."""
    return _call("shmctl", _call("shmget", 0, ctypes.c_size_t(4096), _IPC), _RMID, None)


def _message_queue(_wish: dict[str, Any]) -> object:
    return _call("msgctl", _call("msgget", 0, _IPC), _RMID, None)


def _semaphores(_wish: dict[str, Any]) -> object:
    return _call("semctl", _call("semget", 0, 1, _IPC), 0, _RMID)


def _dev_shm(wish: dict[str, Any]) -> object:
    path = Path("/dev/shm") / f"lathe-{wish['pid']}"
    path.write_text("x")
    return path.unlink()


def _affinity(wish: dict[str, Any]) -> object:
    return os.sched_setaffinity(wish["pid"], {min(os.sched_getaffinity(0))})


def _scheduler(wish: dict[str, Any]) -> object:
    return os.sched_setscheduler(wish["pid"], os.SCHED_BATCH, os.sched_param(0))


def _send_by_file(wish: dict[str, Any]) -> object:
    """The kernel signals whom a pipe's owner names."""
    reading, _ = os.pipe()
    return fcntl.fcntl(reading, fcntl.F_SETOWN, wish["pid"])


def _outlive_parent(_wish: dict[str, Any]) -> object:
    return _call("prctl", 1, 0, 0, 0, 0)


def _own_memory(_wish: dict[str, Any]) -> object:
    place = ctypes.create_string_buffer(b"before")
    memory = os.open("/proc/self/mem", os.O_RDWR)
    return os.pwrite(memory, b"after!", ctypes.addressof(place))


def _parents_descriptors(_wish: dict[str, Any]) -> object:
    return list(Path(f"/proc/{os.getppid()}/fd").iterdir())


def _log_for_reading(_wish: dict[str, Any]) -> object:
    """Descriptor 1 is for writing only; /proc opens it anew."""
    return Path("/proc/self/fd/1").read_bytes()


def _abstract(wish: dict[str, Any]) -> object:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0lathe-{wish['pid']}")
        return connection.recv(5)


def _io_uring(_wish: dict[str, Any]) -> object:
    return _raw(425, 8, ctypes.create_string_buffer(200))


def _user_namespace(_wish: dict[str, Any]) -> object:
    return _call("unshare", 0x10000000)


def _keyring(_wish: dict[str, Any]) -> object:
    return _raw({"x86_64": 250, "aarch64": 219}[platform.machine()], 0, -3, 1)


def _of_tomorrow(_wish: dict[str, Any]) -> object:
    """A call that no kernel has yet."""
    return _raw(511)


def _x32(_wish: dict[str, Any]) -> object:
    return _raw(0x40000000 + 39)


def _int80(_wish: dict[str, Any]) -> object:
    """The i386 door: mov eax, 20 (getpid); int 0x80; ret."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    place = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return ctypes.CFUNCTYPE(ctypes.c_int)(place)()


BREAK_INS: dict[str, Callable[[dict[str, Any]], object]] = {
    "clone": _clone,
    "clone3": _clone3,
    "spawn": _spawn,
    "descriptors_of_its_own": _descriptors_of_its_own,
    "close_apart": _close_apart,
    "memfd": _memfd,
    "fexecve": _fexecve,
    "datagram": _datagram,
    "passed_descriptors": _passed_descriptors,
    "chmod": _chmod,
    "fchmod": _fchmod,
    "fchmodat2": _fchmodat2,
    "chown": _chown,
    "utime": _utime,
    "setxattr": _setxattr,
    "truncate": _truncate,
    "empty_by_reading": _empty_by_reading,
    "watch_folder": _watch_folder,
    "shm": _shm,
    "message_queue": _message_queue,
    "semaphores": _semaphores,
    "dev_shm": _dev_shm,
    "affinity": _affinity,
    "scheduler": _scheduler,
    "send_by_file": _send_by_file,
    "outlive_parent": _outlive_parent,
    "own_memory": _own_memory,
    "parents_descriptors": _parents_descriptors,
    "log_for_reading": _log_for_reading,
    "abstract": _abstract,
    "io_uring": _io_uring,
    "user_namespace": _user_namespace,
    "keyring": _keyring,
    "of_tomorrow": _of_tomorrow,
    "x32": _x32,
    "int80": _int80,
}
