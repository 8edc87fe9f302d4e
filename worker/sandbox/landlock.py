"""Landlock: the kernel refuses this process every file that is not on its list.

System calls and bits as in Linux' `include/uapi/linux/landlock.h`; the numbers 444 to 446 are
the same on x86-64 and arm64. Each ABI adds rights; what a kernel does not know is left out:

    ABI 1 (Linux 5.13)  files        4 (6.7)   TCP bind and connect
        2 (5.19)        rename over  5 (6.10)  ioctl on devices
        3 (6.2)         truncate     6 (6.12)  signals and abstract sockets stay inside
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_VERSION_FLAG = 1
_PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_CHAR, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 64, 512, 1024, 2048, 4096
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_NEVER = EXECUTE | MAKE_CHAR | MAKE_SOCK | MAKE_FIFO | MAKE_BLOCK | MAKE_SYM | REFER | IOCTL_DEV
_ABI1_FILES = (1 << 13) - 1
_REFER_ABI, _TRUNCATE_ABI, _NETWORK_ABI, _IOCTL_ABI, SCOPES_ABI = 2, 3, 4, 5, 6

_libc = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """The kernel's landlock version; 0 where it has none."""
    version: int = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(0, version)


def no_new_privileges() -> None:
    """From here on no exec can gain rights (prctl(2)); raises OSError."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise _last_error()


def restrict_files(read: Iterable[Path], write: Iterable[Path], devices: Iterable[Path]) -> int:
    """Allow reading `read`, everything but links and special files in `write`, and using
    `devices`; refuse every other file, all TCP, and signals to processes outside.

    Paths that do not exist are left out. Returns the ABI; raises OSError where the kernel
    has no landlock. Needs `no_new_privileges` first, and one thread.
    """
    abi = landlock_abi()
    files = _files(abi)
    network, scopes = 3 if abi >= _NETWORK_ABI else 0, 3 if abi >= SCOPES_ABI else 0
    words = (files, network, scopes)[: 1 + (abi >= _NETWORK_ABI) + (abi >= SCOPES_ABI)]
    attributes = struct.pack(f"={len(words)}Q", *words)
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for path in read:
            _allow(ruleset, path, files & (READ_FILE | READ_DIR))
        for path in write:
            _allow(ruleset, path, files & ~_NEVER)
        for path in devices:
            _allow(ruleset, path, files & (READ_FILE | WRITE_FILE | IOCTL_DEV))
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _files(abi: int) -> int:
    known = ((_REFER_ABI, REFER), (_TRUNCATE_ABI, TRUNCATE), (_IOCTL_ABI, IOCTL_DEV))
    return _ABI1_FILES | sum(right for since, right in known if abi >= since)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not path.is_dir():
            rights &= _OF_A_FILE
        if rights:
            rule = struct.pack("=Qi", rights, place)
            _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise _last_error()
    return result


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
