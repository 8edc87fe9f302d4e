"""Which step a refusal belongs to, and a full memory or disk as the refusal it is."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lathe.errors import (
    Failure,
    OutOfDisk,
    OutOfMemory,
    Refused,
    ResourceExhausted,
    TooMuchWritten,
)

FULL = {errno.ENOSPC, errno.EDQUOT}
NO_MEMORY = re.compile(  # torch, onnxruntime and C++ say it only in words
    r"can.?t allocate memory|cannot allocate memory|failed to allocate memory|bad.?alloc"
    r"|CUDA out of memory",
    re.IGNORECASE,
)


class Stopped(Exception):  # noqa: N818 - an answer, as `Refused` is
    """A refusal with the position of the step it came from; None outside of steps."""

    def __init__(self, refused: Refused, step: int | None) -> None:
        super().__init__(refused.detail)
        self.refused = refused
        self.step = step

    def failure(self) -> Failure:
        """The refusal as a value that names the step."""
        return self.refused.failure().model_copy(update={"step": self.step})


@contextmanager
def stopping(step: int | None) -> Iterator[None]:
    """Turn what is refused inside into Stopped; everything else is a bug and passes."""
    try:
        yield
    except Stopped:
        raise
    except Exception as error:
        refused = error if isinstance(error, Refused) else exhausted(error)
        if refused is None:
            raise
        raise Stopped(refused, step) from error


def exhausted(error: Exception) -> ResourceExhausted | None:
    """What ran out where `error` says that something did: memory, disk or one file's size."""
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        return OutOfMemory(
            "The job needs more memory than it may use. Use smaller batches or fewer samples, "
            "or ask for a worker with more memory."
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return OutOfDisk("The job's folder is full. Try again later, or with less data.")
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return TooMuchWritten(
            "The job wrote a file over this worker's limit for one file. Ask for a worker with "
            "a larger LATHE_CHILD_FILE_BYTES, or write less."
        )
    return None
