"""A browser that is signed in: its cookie stands for an API key, with that key's rights.

The cookie is random text that scripts cannot read and other sites cannot send (HttpOnly,
SameSite=Strict). What changes anything shows, besides, a guard: a second text made from the
first, which only pages of this service contain. So neither a foreign page nor a foreign form
can act for who is signed in.

    guard = HMAC-SHA256(key: the cookie, message: "lathe page guard"), in hex
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from app.store import page_sessions
from app.store.reads import Reader
from app.store.rows import PageSession
from app.store.rows.base import utc_now
from lathe.errors import Forbidden, Unauthenticated

COOKIE = "lathe_session"
GUARD_HEADER = "X-Lathe-Guard"
LASTS = timedelta(hours=12)
_TOKEN_BYTES = 32
_MESSAGE = b"lathe page guard"


@dataclass(frozen=True)
class SignedIn:
    """Who is signed in: a key, its project, and the text that guards what is changed."""

    key_id: str
    project_id: str
    project_name: str
    scopes: frozenset[str]
    guard: str


def new(key_id: str) -> tuple[PageSession, str]:
    """A session's row, and the cookie that it is for."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return page_sessions.begun(token, key_id, utc_now() + LASTS), token


async def signed_in(reader: Reader, token: str) -> SignedIn:
    """Who the cookie stands for, as the database has it now; raises Unauthenticated."""
    row = await page_sessions.held(reader, token)
    now = utc_now()
    if row is None or row.session_expires_at <= now:
        raise Unauthenticated("this session is over; sign in again")
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Unauthenticated("the API key of this session is no longer valid; sign in again")
    return SignedIn(
        key_id=row.id,
        project_id=row.project_id,
        project_name=row.project_name,
        scopes=frozenset(row.scopes),
        guard=guard_of(token),
    )


def guard_of(token: str) -> str:
    """The text that a page shows to prove that this service made it for this session."""
    return hmac.new(token.encode(), _MESSAGE, hashlib.sha256).hexdigest()


def check_guard(guard: str, shown: str | None) -> None:
    """Raise Forbidden unless `shown` is the guard of the session."""
    if shown is None or not hmac.compare_digest(shown.encode(), guard.encode()):
        raise Forbidden("this form is not one of this session; load the page again")
