"""What the object library raises, said in Lathe's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from lathe.errors import Missing, OutOfDisk, Unavailable

_DISK_IS_FULL = re.compile(r"\(os error (28|122)\)|Errno (28|122)\]")  # ENOSPC, EDQUOT


@contextmanager
def object_errors() -> Iterator[None]:
    """Turn the library's errors into Missing, OutOfDisk or Unavailable, the cause chained.

    The library (obstore 0.12) raises its own family, but plain OSErrors without errno from
    its writers, and FileNotFoundError both for a missing object and for a missing bucket.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        text = str(error)
        if _DISK_IS_FULL.search(text):
            raise OutOfDisk("the object store's disk is full; free some, then retry") from error
        if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
            raise Missing("the stored object is gone") from error
        raise Unavailable("the object store failed; retry later") from error
