"""The engine of the acts in a nursery that is not root: loading it makes the process nobody.

It keeps one right of root's, to read past file modes, as a child of root does: the tests'
Python may lie below a home folder. A deployment needs no right at all.
"""

import ctypes
import os
import struct

import torch  # noqa: F401 - what an act loads later must be loaded while we may

from tests.services.worker.acts import perform

__all__ = ["NOBODY", "perform"]

NOBODY = 65534
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS = 4, 8
_READ_SEARCH = 1 << 2
_libc = ctypes.CDLL(None, use_errno=True)


def become_nobody() -> None:
    """Change the user of this process, for good."""
    _libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    header = struct.pack("=Ii", 0x20080522, 0)
    data = struct.pack("=6I", _READ_SEARCH, _READ_SEARCH, 0, 0, 0, 0)
    if _libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


if __name__ != "__main__" and os.environ.get("USER") == "lathe" and os.geteuid() == 0:
    become_nobody()  # in a nursery, whose environment is the clean one
