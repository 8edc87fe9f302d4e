"""Compare the rows with the object store: what is missing, damaged, or named by no row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from obstore.store import LocalStore, S3Store
from sqlalchemy import Connection, or_, select

from app.store.blobs.inventory import Listed, digest, inventory
from app.store.db import sync_engine
from app.store.doomed import references
from app.store.orphans import settled_s, unnamed
from app.store.rows import Base, Blob
from lathe.errors import Missing

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Named:
    """A blob's row that something needs."""

    blob_id: str
    size_bytes: int
    sha256: str


@dataclass(slots=True)
class Findings:
    """What was found; `missing` and `damaged` are keys with what names them, `named` is how
    many of the objects are some row's."""

    objects: int = 0
    named: int = 0
    object_bytes: int = 0
    missing: dict[str, list[str]] = field(default_factory=dict)
    damaged: dict[str, list[str]] = field(default_factory=dict)
    orphans: list[Listed] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Every row's object is there as it should be."""
        return not (self.missing or self.damaged)


def verify(
    database_url: str, store: LocalStore | S3Store, *, hashing: bool = False
) -> Findings:
    """Look at everything; with `hashing`, also read every object and compare its sha256.

    Works beside a running service: what changes meanwhile is looked at once more, and no
    object that may still get its row is an orphan (`app.store.orphans`).
    """
    engine = sync_engine(database_url, pool_size=1)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            rows, doomed = _rows(connection)
            older_s = settled_s(connection)
        listed, findings = _compare(rows, doomed, store, older_s)
        if hashing:
            findings.damaged |= {key: [] for key in _other_bytes(store, rows, listed)}
        with engine.connect().execution_options(read_only=True) as connection:
            _look_again(connection, rows, findings)
    finally:
        engine.dispose()
    return findings


def _rows(connection: Connection) -> tuple[dict[str, Named], set[str]]:
    """The needed rows by key, and the keys of rows that the sweep is about to delete."""
    needed = or_(Blob.doomed_at.is_(None), *references())
    columns = (Blob.key, Blob.id, Blob.size_bytes, Blob.sha256, needed)
    rows: dict[str, Named] = {}
    doomed = set()
    for key, blob_id, size_bytes, sha256, needs in connection.execute(select(*columns)):
        if needs:
            rows[key] = Named(blob_id, size_bytes, sha256)
        else:
            doomed.add(key)
    return rows, doomed


def _compare(
    rows: Mapping[str, Named], doomed: set[str], store: LocalStore | S3Store, older_s: float
) -> tuple[set[str], Findings]:
    findings, seen = Findings(), set()
    for each in inventory(store):
        findings.objects += 1
        findings.object_bytes += each.size_bytes
        seen.add(each.key)
        if each.key in rows:
            findings.named += 1
            if rows[each.key].size_bytes != each.size_bytes:
                findings.damaged[each.key] = []
        elif each.key not in doomed and each.age_s > older_s:
            findings.orphans.append(each)
    findings.missing = {key: [] for key in rows if key not in seen}
    return seen, findings


def _other_bytes(
    store: LocalStore | S3Store, rows: Mapping[str, Named], listed: set[str]
) -> list[str]:
    """The keys whose bytes have another sha256; one that has just been deleted has none."""
    other = []
    for key in sorted(rows.keys() & listed):
        try:
            if digest(store, key) != rows[key].sha256:
                other.append(key)
        except Missing:
            continue
    return other


def _look_again(connection: Connection, rows: Mapping[str, Named], findings: Findings) -> None:
    """Drop what was deleted meanwhile, and say who names the rest; an orphan that has a row
    by now is none."""
    for troubles in (findings.missing, findings.damaged):
        for key in list(troubles):
            blob_id = rows[key].blob_id
            if connection.scalar(select(Blob.id).where(Blob.id == blob_id)) is None:
                del troubles[key]
            else:
                troubles[key] = _namers(connection, blob_id)
    still = set(unnamed(connection, [each.key for each in findings.orphans]))
    findings.orphans = [each for each in findings.orphans if each.key in still]


def _namers(connection: Connection, blob_id: str) -> list[str]:
    """The ids of the rows that point at a blob."""
    found: list[str] = []
    blob_column = Base.metadata.tables[Blob.__tablename__].c.id
    for table in Base.metadata.tables.values():
        first = next(iter(table.primary_key.columns))
        for key in table.foreign_keys:
            if key.column is blob_column:
                pointing: Iterable[str] = connection.scalars(
                    select(first).where(key.parent == blob_id).limit(_BATCH)
                )
                found += pointing
    return sorted(set(found))
