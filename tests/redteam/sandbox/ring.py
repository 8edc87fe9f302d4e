"""One system call through a ring of io_uring: the kernel makes it, and no filter is asked.

Layouts and numbers are those of the kernel's `include/uapi/linux/io_uring.h`.
"""

import ctypes
import mmap
import os
import socket
import struct

_SETUP, _ENTER = 425, 426
_GETEVENTS = 1
_OP_SOCKET = 45  # since Linux 5.19
_ENTRIES = 1
_PARAMS_BYTES, _SQ_OFFSETS, _CQ_OFFSETS = 120, 40, 80
_SQES_AT, _SQE_BYTES, _CQE_BYTES = 0x10000000, 64, 16
_libc = ctypes.CDLL(None, use_errno=True)


def ringed_socket() -> socket.socket:
    """A UDP socket that a ring has made; raises OSError as the kernel says."""
    params = ctypes.create_string_buffer(_PARAMS_BYTES)
    ring = _call(_SETUP, _ENTRIES, params)
    try:
        entry = struct.pack("=BBHiQ", _OP_SOCKET, 0, 0, socket.AF_INET, socket.SOCK_DGRAM)
        made = _done(ring, params.raw, entry)
    finally:
        os.close(ring)
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, fileno=made)


def _done(ring: int, params: bytes, entry: bytes) -> int:
    """Submit one entry and wait; what the call would have returned."""
    completions = struct.unpack_from("=I", params, 4)[0]
    tail_at, array_at = (struct.unpack_from("=I", params, _SQ_OFFSETS + n)[0] for n in (4, 24))
    cqes_at = struct.unpack_from("=I", params, _CQ_OFFSETS + 20)[0]
    size = max(array_at + 4 * _ENTRIES, cqes_at + _CQE_BYTES * completions)
    with (
        mmap.mmap(ring, size) as queues,
        mmap.mmap(ring, _SQE_BYTES * _ENTRIES, offset=_SQES_AT) as entries,
    ):
        entries[: len(entry)] = entry
        struct.pack_into("=I", queues, array_at, 0)
        struct.pack_into("=I", queues, tail_at, 1)
        _call(_ENTER, ring, 1, 1, _GETEVENTS, None, ctypes.c_size_t(0))
        result: int = struct.unpack_from("=i", queues, cqes_at + 8)[0]
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
