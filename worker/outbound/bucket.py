"""An object of a bucket as one stream, with the keys of this service.

Every window is a request of its own, on the condition that the object is still the same one,
so that a cut costs one window.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlencode

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from app.store.blobs.object_store import object_store
from app.store.outbound import InBucket
from lathe.errors import SourceUnusable, Unanswered
from worker.outbound.download import StartOver
from worker.settings import Settings

_WINDOW_BYTES = 8 << 20

Result = TypeVar("Result")


class FromBucket:
    """One attempt from byte 0. `received` and `total` tell how far it is."""

    def __init__(self, place: InBucket, settings: Settings) -> None:
        self._place = place
        self._store = _opened(place, settings)
        self.received = 0
        self.total: int | None = None

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Everything, in order; raises SourceUnusable, Unanswered, StartOver."""
        head = await self._asked(partial(obstore.head, self._store, self._place.key))
        self.total = head["size"]
        while self.received < self.total:
            end = min(self.received + _WINDOW_BYTES, self.total)
            window = await self._asked(partial(self._window, end, head["e_tag"]))
            self.received += len(window)
            yield window

    def _window(self, end: int, etag: str | None) -> bytes:
        found = obstore.get(
            self._store,
            self._place.key,
            options={"range": (self.received, end), "if_match": etag},
        )
        return found.bytes().to_bytes()

    async def _asked(self, call: Callable[[], Result]) -> Result:
        """What a blocking call of the library gives; it repeats by itself what it can."""
        try:
            return await asyncio.to_thread(call)
        except PreconditionError:
            raise StartOver from None
        except (NotFoundError, FileNotFoundError):
            raise SourceUnusable(f"there is no {self._place.shown}", param="source") from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise SourceUnusable(
                f"this service may not read {self._place.shown}", param="source"
            ) from None
        except (BaseError, OSError):
            raise Unanswered(f"the server of {self._place.shown} does not answer") from None


def _opened(place: InBucket, settings: Settings) -> S3Store:
    secret = settings.sources_s3_secret_access_key
    query = {"region": settings.sources_s3_region}
    if settings.sources_s3_endpoint is not None:
        query["endpoint"] = settings.sources_s3_endpoint
    store = object_store(
        f"s3://{quote(place.bucket)}?{urlencode(query)}",
        access_key_id=settings.sources_s3_access_key_id,
        secret_access_key=None if secret is None else secret.get_secret_value(),
        timeout_s=settings.fetch_silence_s,
    )
    if not isinstance(store, S3Store):
        raise TypeError("a bucket is no folder")
    return store
