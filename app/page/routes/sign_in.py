"""Signing in with an API key, and out."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app import page_session
from app.auth import count_guess, refuse_guessing
from app.http.deps import Parts
from app.http.refused_access import note_refused_access
from app.page.rendering import page
from app.page.route import PageRoute
from app.page.visitor import form
from app.page_session import COOKIE, GUARD_HEADER, LASTS, check_guard, guard_of
from app.services import Services
from app.store import page_sessions, tenants
from app.store.rows import Audit
from app.store.rows.base import utc_now
from lathe.errors import Forbidden, Unauthenticated

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/sign-in")
async def ask(request: Request, next: str = "/") -> Response:  # noqa: A002 - as it is called
    """The form for a key."""
    return page(request, "sign_in.html", None, next=_own_path(next), problem=None)


@router.post("/sign-in")
async def sign_in(request: Request, parts: Parts) -> Response:
    """Begin a session with a key that is right; say what is wrong otherwise."""
    _not_from_elsewhere(request)
    fields = await form(request)
    there = _own_path(fields.get("next", "/"))
    refuse_guessing(request, parts)
    printable = fields.get("key", "").strip()
    try:
        key = await parts.keys.verified(printable)
    except Unauthenticated as refusal:
        await count_guess(request, parts)
        note_refused_access(request, refusal, printable)
        problem = f"{refusal.detail[0].upper()}{refusal.detail[1:]}."
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return page(request, "sign_in.html", None, status=status, next=there, problem=problem)
    await parts.rates.take("writes", key.project_id)
    row, token = page_session.new(key.id)
    async with parts.writing() as session:
        await session.execute(page_sessions.end_expired(utc_now()))
        session.add(row)
        session.add(_trace(request, key.project_id, key.id, "page.sign_in"))
    answer = RedirectResponse(there, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=_is_secure(request),
    )
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, parts: Parts) -> Response:
    """End the session here and in the browser."""
    token = request.cookies.get(COOKIE)
    if token is not None:
        shown = request.headers.get(GUARD_HEADER) or (await form(request)).get("guard")
        check_guard(guard_of(token), shown)
        await _end(request, parts, token)
    answer = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


async def _end(request: Request, parts: Services, token: str) -> None:
    """Nothing is written for a session that is not there; asking for one is counted."""
    refuse_guessing(request, parts)
    held = await page_sessions.held(parts.reads, token)
    if held is None:
        await count_guess(request, parts)
        return
    async with parts.writing() as session:
        await session.execute(page_sessions.end(token))
        session.add(_trace(request, held.project_id, held.id, "page.sign_out"))


def _trace(request: Request, project_id: str, key_id: str, action: str) -> Audit:
    return tenants.audit(project_id, key_id, action, None, request.state.request_id)


def _own_path(text: str) -> str:
    """`text` where it is a path of this service; else the first page."""
    plain = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if plain else "/"


def _not_from_elsewhere(request: Request) -> None:
    """Raise Forbidden for a form on another site, which could sign a visitor in as somebody
    else; a browser says where a form comes from, and `null` of one that hides it."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise Forbidden("this form came from another site; open the sign-in page here")


def _is_secure(request: Request) -> bool:
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto")}
