"""A key that takes another's place: same rights, same name, as long a life."""

from datetime import timedelta

from sqlalchemy import Delete, delete

from app.store import tenants
from app.store.rows import ApiKey, PageSession
from app.store.rows.base import utc_now
from lathe.errors import Conflict


def successor(row: ApiKey, grace_s: int) -> tuple[ApiKey, str]:
    """A new key's row and its printable form; `row` ends in `grace_s`, or now for 0.

    Who was to live for 90 days has a successor that lives for 90 days. Raises Conflict for a
    key that has ended or has a successor.
    """
    now = utc_now()
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Conflict("this key has ended; make a new one with POST /v1/keys", param="key_id")
    if row.replaced_by is not None:
        detail = f"this key was rotated before; rotate its successor {row.replaced_by}"
        raise Conflict(detail, param="key_id")
    expires_at = None if row.expires_at is None else now + (row.expires_at - row.created_at)
    fresh, printable = tenants.new_key(
        row.project_id, row.name, tenants.scopes_of(row), expires_at
    )
    row.replaced_by = fresh.id
    if grace_s == 0:
        row.revoked_at = now
    else:
        until = now + timedelta(seconds=grace_s)
        row.expires_at = min(until, row.expires_at or until)
    return fresh, printable


def end_sessions(key_id: str) -> Delete:
    """End what is signed in on the page with a key that has ended."""
    return delete(PageSession).where(PageSession.key_id == key_id)
