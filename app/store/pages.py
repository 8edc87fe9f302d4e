"""Keyset pages, newest first: a cursor names the last row seen, so no page shifts under it.

    where (created_at, id) < (cursor) order by created_at desc, id desc limit n + 1

The row beyond the page only tells that there is a next one. A cursor carries no rights: every
list is filtered by its project as well.
"""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar, TypeVarTuple

from sqlalchemy import Select, String, literal, tuple_

from app.store.rows import (
    ApiKey,
    Artifact,
    Audit,
    Dataset,
    Delivery,
    Job,
    MeasurementRow,
    Model,
    Project,
    Upload,
    Webhook,
)
from app.store.rows.base import UtcDateTime
from lathe.errors import Malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ID = re.compile(r"\w{1,40}", re.ASCII)
_NOT_OURS = "the cursor is not one this service made; start again without it"


Listed = (
    ApiKey
    | Artifact
    | Audit
    | Dataset
    | Delivery
    | Job
    | MeasurementRow
    | Model
    | Project
    | Upload
    | Webhook
)
Row = TypeVar("Row", bound="Dated")
Selected = TypeVarTuple("Selected")


class Dated(Protocol):
    """What a cursor is made of."""

    @property
    def id(self) -> str:
        """The row's id."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""


def encode_cursor(created_at: datetime, id: str) -> str:  # noqa: A002 - the column's name
    """The cursor that continues after this row, safe inside a URL."""
    microseconds = (created_at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(f"{microseconds}.{id}".encode()).rstrip(b"=").decode()


def decode_cursor(text: str) -> tuple[datetime, str]:
    """The `(created_at, id)` of a cursor; raises Malformed for one not made here."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        microseconds, _, last_id = plain.decode("ascii").partition(".")
        created_at = _EPOCH + int(microseconds) * _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise Malformed(_NOT_OURS, param="cursor") from error
    if not _ID.fullmatch(last_id) or encode_cursor(created_at, last_id) != text:
        raise Malformed(_NOT_OURS, param="cursor")
    return created_at, last_id


def keyset(
    statement: Select[*Selected], row_class: type[Listed], cursor: str | None, limit: int
) -> Select[*Selected]:
    """`statement` cut to the `limit + 1` rows after `cursor` (None: from the newest)."""
    if cursor is not None:
        created_at, last_id = decode_cursor(cursor)
        after = tuple_(literal(created_at, UtcDateTime()), literal(last_id, String()))
        statement = statement.where(tuple_(row_class.created_at, row_class.id) < after)
    order = row_class.created_at.desc(), row_class.id.desc()
    return statement.order_by(*order).limit(limit + 1)


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """The page itself out of `limit + 1` rows, and the next page's cursor (None: the last)."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], encode_cursor(rows[limit - 1].created_at, rows[limit - 1].id)
