"""Which step a refusal belongs to, and a full memory or disk as the refusal it is."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from lathe.errors import OutOfDisk, OutOfMemory, Refused

NO_MEMORY = (
    "the worker's memory does not hold this; use a smaller batch size, fewer samples or a "
    "worker with more memory"
)
NO_DISK = "the worker's disk is full; try again later"
FULL = {errno.ENOSPC, errno.EDQUOT}


class Stopped(Exception):  # noqa: N818 - an answer, as `Refused` is
    """A refusal with the id of the step it came from; None outside of steps."""

    def __init__(self, refused: Refused, step: str | None) -> None:
        super().__init__(refused.detail)
        self.refused = refused
        self.step = step


@contextmanager
def stopping(step: str | None) -> Iterator[None]:
    """Turn what is refused inside into Stopped; everything else is a bug and passes."""
    try:
        yield
    except Refused as refused:
        raise Stopped(refused, step) from refused
    except MemoryError as error:
        raise Stopped(OutOfMemory(NO_MEMORY), step) from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise Stopped(OutOfDisk(NO_DISK), step) from error
