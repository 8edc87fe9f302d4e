"""An upload whose bytes a worker has still to fetch: only where from is written down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy.ext.asyncio import AsyncSession

from app.services import Services
from app.store.outbound import InBucket, Source, source
from app.store.rows import Dataset, Model
from lathe.reference import Reference

_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class Referred:
    """Bytes that lie elsewhere."""

    reference: Reference
    place: Source

    @property
    def filename(self) -> str | None:
        """The last part of the address."""
        path = self.place.key if isinstance(self.place, InBucket) else self.place.url.path
        return PurePosixPath(path).name[:_MOST_CHARACTERS] or None

    async def blob_id(self, _session: AsyncSession, owner: Model | Dataset) -> None:
        """There is no blob yet; `owner` says where its bytes are to come from."""
        promised = self.reference.sha256
        owner.source = self.place.shown
        owner.fetch_url = self.reference.source
        owner.fetch_sha256 = promised.lower() if promised else None


@asynccontextmanager
async def referred(parts: Services, reference: Reference) -> AsyncIterator[Referred]:
    """A source as far as it can be judged now; raises AddressRefused."""
    settings = parts.settings
    place = source(reference.source, settings.outbound_allowed, settings.open_buckets, "source")
    yield Referred(reference, place)
