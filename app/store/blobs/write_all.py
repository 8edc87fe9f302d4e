"""All of some bytes into a file, in calls of a size that file systems like."""

import os

_CALL_BYTES = (
    256 << 10
)  # more at once: ext4 (6.18) seeks larger folios, at up to 7 times the CPU


def write_all(file: int, data: bytes | memoryview) -> int:
    """Write `data` to the descriptor `file`; returns how many bytes that were."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left[:_CALL_BYTES]) :]
    return len(data)
