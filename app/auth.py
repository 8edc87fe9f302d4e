"""Who is calling: an API key, its project, and what its scopes allow."""

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.http.deps import Parts
from app.store import tenants
from app.store.rows import ApiKey, Audit
from app.store.rows.base import utc_now
from app.store.tenants import Scope
from lathe.errors import Forbidden, Unauthenticated

_IMPLIED: dict[Scope, frozenset[str]] = {  # a scope is given by itself or by a wider one
    "read": frozenset({"read", "write", "admin"}),
    "write": frozenset({"write", "admin"}),
    "admin": frozenset({"admin"}),
}
_NO_KEY_SHA256 = tenants.hash_of("")
_bearer = HTTPBearer(auto_error=False, description="`lt_<id>_<secret>`")


@dataclass(frozen=True)
class Caller:
    """An authenticated key. Everything it sees belongs to its project."""

    project_id: str
    key_id: str
    scopes: frozenset[str]
    request_id: str

    def audit(self, action: str, target: str | None, **data: str) -> Audit:
        """The trace of one write by this caller."""
        return tenants.audit(
            self.project_id, self.key_id, action, target, self.request_id, **data
        )


async def _caller(
    request: Request,
    parts: Parts,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    if credentials is None:
        raise Unauthenticated("send the header Authorization: Bearer lt_<id>_<secret>")
    async with parts.reading() as session:
        row = await _verified(session, credentials.credentials)
    request.state.project_id = row.project_id
    return Caller(row.project_id, row.id, frozenset(row.scopes), request.state.request_id)


async def _verified(session: AsyncSession, printable: str) -> ApiKey:
    key_id, secret = tenants.split_key(printable) or ("", "")
    row = await session.scalar(tenants.key(key_id))
    expected = row.secret_sha256 if row else _NO_KEY_SHA256
    if not hmac.compare_digest(tenants.hash_of(secret), expected) or row is None:
        raise Unauthenticated("this API key is not known here")
    if row.revoked_at is not None:
        raise Unauthenticated("this API key was revoked; ask an admin for another")
    if row.expires_at is not None and row.expires_at <= utc_now():
        raise Unauthenticated("this API key has expired; ask an admin for another")
    return row


Known = Annotated[Caller, Depends(_caller)]


def _with(caller: Caller, scope: Scope) -> Caller:
    if not caller.scopes & _IMPLIED[scope]:
        raise Forbidden(f"this API key lacks the scope {scope!r}; use one that has it")
    return caller


def _reader(caller: Known) -> Caller:
    return _with(caller, "read")


def _writer(caller: Known) -> Caller:
    return _with(caller, "write")


def _admin(caller: Known) -> Caller:
    return _with(caller, "admin")


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]
Admin = Annotated[Caller, Depends(_admin)]
