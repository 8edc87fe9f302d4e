"""What the two places of staged bytes, a folder and a bucket, have in common."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from app.store.rows import Upload


@dataclass(frozen=True, slots=True)
class Whole:
    """An upload as one object, read through."""

    key: str
    sha256: str


class Receiving(Protocol):
    """An upload that this request alone adds to."""

    @property
    def offset_bytes(self) -> int:
        """How much there is of it; grows when `rest` returns."""

    async def take(self, piece: bytes) -> None:
        """Add `piece`; raises what keeping an earlier piece raised."""

    async def rest(self) -> None:
        """Keep all that was taken: it survives whatever happens from here on."""


class Place(Protocol):
    """Keeps staged bytes."""

    async def offset(self, row: Upload) -> int:
        """So many bytes of the upload are kept."""

    def receiving(self, row: Upload) -> AbstractAsyncContextManager[Receiving]:
        """Add to the upload; raises Locked while another request does."""

    async def whole(self, row: Upload) -> Whole:
        """The upload as one object; every byte of it must have come."""
