"""A route of the page: what `/v1` answers as a problem is a page with a sentence here."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError

from app.http.problems import SpecRefused
from app.http.refused_access import note_refused_access
from app.logs import log
from app.page.rendering import page
from app.store.trouble import database_trouble
from lathe.errors import Malformed, RateLimited, Refused, Unauthenticated

_LATER_S = 5


class PageRoute(APIRoute):
    """Answers people: sends them to sign in, or says what is wrong in a sentence."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler with refusals as pages."""
        handler = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handler(request)
            except Unauthenticated as refusal:
                return _to_sign_in(request, refusal)
            except Refused as refusal:
                return _said(request, refusal)
            except SpecRefused as refusal:
                return _said(request, refusal.reasons[0])
            except RequestValidationError:
                return _said(request, Malformed("this address could not be read; go back"))
            except SQLAlchemyError as error:
                trouble = database_trouble(error)
                if trouble is None:
                    raise
                log("app.database").warning("database in trouble", why=type(error).__name__)
                return _said(request, trouble)

        return told


def _to_sign_in(request: Request, refusal: Refused) -> Response:
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.OK, headers={"HX-Redirect": "/sign-in"})
    if request.method != "GET":
        return _said(request, refusal)
    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/sign-in" if there == "/" else f"/sign-in?next={quote(there, safe='/')}"
    return RedirectResponse(target, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


def _said(request: Request, refusal: Refused) -> Response:
    note_refused_access(request, refusal)
    answer = page(
        request,
        "refused.html",
        None,
        status=refusal.status,
        title=refusal.title,
        sentence=refusal.detail,
        request_id=request.state.request_id,
    )
    if refusal.retryable:
        asked_s = refusal.retry_after_s if isinstance(refusal, RateLimited) else None
        answer.headers["Retry-After"] = str(asked_s or _LATER_S)
    return answer
