"""Who is calling: an API key, its project, and what its scopes allow.

A browser that is signed in on the page calls with its session's cookie instead of a key; what
changes anything then needs the session's guard in a header as well.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from app.follow.events import Still
from app.http.deps import Parts
from app.http.edge import REST
from app.page_session import COOKIE, GUARD_HEADER, SignedIn, check_guard, signed_in
from app.rates.rate import Kind
from app.services import Services
from app.store import tenants
from app.store.rows import Audit
from app.store.tenants import Scope
from lathe.errors import Forbidden, Unauthenticated

_IMPLIED: dict[Scope, frozenset[str]] = {  # a scope is given by itself or by a wider one
    "read": frozenset({"read", "write", "admin"}),
    "write": frozenset({"write", "admin"}),
    "admin": frozenset({"admin"}),
}
_READING = frozenset({"GET", "HEAD"})
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
        return await _browser(request, parts)
    printable = credentials.credentials
    reads = request.method in _READING
    if parts.keys.recent(printable) is None:
        refuse_guessing(request, parts)
    try:
        key = await (parts.keys.trusted(printable) if reads else parts.keys.verified(printable))
    except Unauthenticated:
        await count_guess(request, parts)
        raise
    request.state.project_id = key.project_id
    await _counted(request, parts, key.project_id)
    return Caller(key.project_id, key.id, key.scopes, request.state.request_id)


async def _browser(request: Request, parts: Services) -> Caller:
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise Unauthenticated("send the header Authorization: Bearer lt_<id>_<secret>")
    who = await known_browser(request, parts, cookie)
    parts.key_use.note(who.key_id)
    if request.method not in _READING:
        check_guard(who.guard, request.headers.get(GUARD_HEADER))
    request.state.project_id = who.project_id
    return Caller(who.project_id, who.key_id, who.scopes, request.state.request_id)


async def known_browser(request: Request, parts: Services, cookie: str) -> SignedIn:
    """Who is signed in with this cookie; raises Unauthenticated and RateLimited."""
    refuse_guessing(request, parts)
    try:
        who = await signed_in(parts.reads, cookie)
    except Unauthenticated:
        await count_guess(request, parts)
        raise
    await _counted(request, parts, who.project_id)
    return who


async def _counted(request: Request, parts: Services, project_id: str) -> None:
    kind: Kind = "reads" if request.method in _READING else "writes"
    setattr(request.state, REST, partial(parts.rates.fields, kind, project_id))
    await parts.rates.take(kind, project_id)


def still(request: Request, parts: Services) -> Still:
    """Asks again whether who sent this request may read: of a key as `trusted` knows it, of a
    session as the database has it."""
    scheme, printable = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() == "bearer":
        return partial(parts.keys.trusted, printable)
    return partial(signed_in, parts.reads, request.cookies.get(COOKIE, ""))


def refuse_guessing(request: Request, parts: Services) -> None:
    """Raise RateLimited for an address that has sent too many wrong keys of late; whether this
    one is right is not looked up."""
    parts.rates.refuse("failures", _address(request))


async def count_guess(request: Request, parts: Services) -> None:
    """A key was wrong; raises RateLimited when it was one too many."""
    await parts.rates.take("failures", _address(request))


def _address(request: Request) -> str:
    return "unknown" if request.client is None else request.client.host


Known = Annotated[Caller, Depends(_caller)]


def allows(scopes: frozenset[str], scope: Scope) -> bool:
    """Whether one of a key's scopes gives this one."""
    return not scopes.isdisjoint(_IMPLIED[scope])


def _with(caller: Caller, scope: Scope) -> Caller:
    if not allows(caller.scopes, scope):
        raise Forbidden(f"this API key lacks the scope {scope!r}; use one that has it")
    return caller


async def _reader(caller: Known) -> Caller:
    return _with(caller, "read")


async def _writer(caller: Known) -> Caller:
    return _with(caller, "write")


async def _admin(caller: Known) -> Caller:
    return _with(caller, "admin")


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]
Admin = Annotated[Caller, Depends(_admin)]

SCOPED: dict[
    Callable[[Caller], Awaitable[Caller]], Scope
] = {  # what a route that depends on one wants
    _reader: "read",
    _writer: "write",
    _admin: "admin",
}
