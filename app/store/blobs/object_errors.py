"""What the object library raises, said in Lathe's words."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from lathe.errors import Missing, OutOfDisk, Unavailable

_DISK_IS_FULL = re.compile(r"\(os error (28|122)\)|Errno (28|122)\]")  # ENOSPC, EDQUOT
_READ_ONLY = re.compile(r"\(os error (1|13|30)\)|Errno 30\]")  # EPERM, EACCES, EROFS
_REFUSED = re.compile(r"SignatureDoesNotMatch|InvalidAccessKeyId|AccessDenied|403 Forbidden")
_LOGGED_CHARACTERS = 300

log = logging.getLogger("app.objects")


@contextmanager
def object_errors(store: LocalStore | S3Store | None = None) -> Iterator[None]:
    """Turn the library's errors into Missing, OutOfDisk or Unavailable, the cause chained.

    The library (obstore 0.12) raises its own family, but plain OSErrors without errno from
    its writers, and FileNotFoundError both for a missing object and for a missing bucket.
    With `store` a missing folder is told from a missing object.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        text = str(error)
        if _DISK_IS_FULL.search(text):
            raise OutOfDisk("the object store's disk is full; free some, then retry") from error
        missing = isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text
        if missing and not _folder_is_gone(store):
            raise Missing("the stored object is gone") from error
        log.warning("object store in trouble: %s", text.partition("\n")[0][:_LOGGED_CHARACTERS])
        raise Unavailable(_trouble(error, text)) from error


def _trouble(error: Exception, text: str) -> str:
    if "NoSuchBucket" in text:
        return "the object store has no such bucket; an operator must make it"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _REFUSED.search(text):
        return "the object store refuses this service's keys; an operator must correct them"
    if isinstance(error, FileNotFoundError):
        return "the object folder is gone; an operator must bring it back"
    if isinstance(error, PermissionError) or _READ_ONLY.search(text):
        return "the object folder is not writable; an operator must look"
    return "the object store does not answer as it should; retry in a moment"


def _folder_is_gone(store: LocalStore | S3Store | None) -> bool:
    return isinstance(store, LocalStore) and not Path(str(store.prefix)).is_dir()
