"""Where the bytes of an upload by reference lie: an https address or an object of a bucket."""

import re
from dataclasses import dataclass

from app.store.outbound.allowed import Allowed
from app.store.outbound.place import Place
from lathe.errors import AddressRefused

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[^/]+(/[^/]+)*")
_MOST_KEY = 1024


@dataclass(frozen=True, slots=True)
class InBucket:
    """An object of a bucket that the operator lets tenants read from."""

    bucket: str
    key: str

    @property
    def shown(self) -> str:
        """The address as it was given."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets that tenants may name, or folders of them: LATHE_SOURCES_S3_BUCKETS."""

    open: frozenset[tuple[str, str]] = frozenset()  # bucket, and a prefix with its slash

    @classmethod
    def parse(cls, text: str) -> "Buckets":
        """From `models, shared/exports`; raises ValueError naming the entry that is wrong."""
        found = set()
        for entry in filter(None, (part.strip().rstrip("/") for part in text.split(","))):
            bucket, _, folder = entry.partition("/")
            if not _BUCKET.fullmatch(bucket) or (folder and not _PREFIX.fullmatch(folder)):
                raise ValueError(
                    f"{entry!r} is no bucket; write entries such as models or "
                    "shared/exports, with commas between them"
                )
            found.add((bucket, f"{folder}/" if folder else ""))
        return cls(frozenset(found))

    def has(self, place: InBucket) -> bool:
        """Whether tenants may read this object."""
        return any(
            place.bucket == bucket and place.key.startswith(folder)
            for bucket, folder in self.open
        )


Source = Place | InBucket


def source(text: str, allowed: Allowed, buckets: Buckets, param: str) -> Source:
    """What `text` names; raises AddressRefused, naming the field `param`."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() != "s3":
        return Place.checked(text, allowed, param)
    bucket, _, key = rest.partition("/")
    if not bucket or not key or key.endswith("/") or len(key.encode()) > _MOST_KEY:
        raise AddressRefused("write s3://bucket/key", param=param)
    if ".." in key.split("/"):
        raise AddressRefused("a key with .. in it is not read", param=param)
    place = InBucket(bucket, key)
    if not buckets.has(place):
        raise AddressRefused(
            "this service does not read that bucket or folder; an operator can name it in "
            "LATHE_SOURCES_S3_BUCKETS",
            param=param,
        )
    return place
