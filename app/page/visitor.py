"""Who looks at the page, and what a form of theirs says."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from app.auth import Caller, allows, known_browser
from app.http.deps import Parts
from app.page_session import COOKIE, GUARD_HEADER, SignedIn, check_guard
from lathe.errors import Forbidden, Malformed, Unauthenticated

_MOST_FIELDS = 5000


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in, as the routes of `/v1` know a caller."""

    caller: Caller
    project_name: str
    guard: str

    @property
    def project_id(self) -> str:
        """Whose things are shown."""
        return self.caller.project_id

    @property
    def may_write(self) -> bool:
        """Whether the key allows more than looking."""
        return allows(self.caller.scopes, "write")


async def _visitor(request: Request, parts: Parts) -> Visitor:
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise Unauthenticated("sign in with an API key")
    who = await known_browser(request, parts, cookie)
    parts.key_use.note(who.key_id)
    if not allows(who.scopes, "read"):
        raise Forbidden("this API key lacks the scope 'read'; sign in with one that has it")
    request.state.project_id = who.project_id
    return _as_visitor(request, who)


def _as_visitor(request: Request, who: SignedIn) -> Visitor:
    caller = Caller(who.project_id, who.key_id, who.scopes, request.state.request_id)
    return Visitor(caller, who.project_name, who.guard)


Looking = Annotated[Visitor, Depends(_visitor)]


@dataclass(frozen=True)
class Posted:
    """A form that the visitor sent: every field once, the last value of a name that came
    twice, so that a checkbox stands behind the hidden field that says no."""

    visitor: Visitor
    fields: dict[str, str]


async def _posted(request: Request, visitor: Looking) -> Posted:
    fields = await form(request)
    guard = request.headers.get(GUARD_HEADER) or fields.pop("guard", None)
    check_guard(visitor.guard, guard)
    if not visitor.may_write:
        raise Forbidden("this API key lacks the scope 'write'; sign in with one that has it")
    return Posted(visitor, fields)


Writing = Annotated[Posted, Depends(_posted)]


async def form(request: Request) -> dict[str, str]:
    """The fields of a form as browsers send it; raises Malformed."""
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise Malformed(f"the form could not be read: {error}") from None
