"""RFC 9457 problem details: every answer that is not a result has this one shape."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from app.http import wording
from app.http.body_limit import LIMIT
from app.http.refused_access import note_refused_access
from app.logs import log
from app.store.trouble import database_trouble
from lathe.errors import (
    ErrorClass,
    Internal,
    InvalidRequest,
    InvalidSpec,
    Malformed,
    Missing,
    OutOfDisk,
    RateLimited,
    Refused,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
    WrongMediaType,
)
from lathe.views import FieldProblem, Problem

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1  # of what is retryable and passes by itself
_RETRY_AFTER_S = {Unavailable.code: 5, OutOfDisk.code: 60}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SPEC_PATH = "/v1/jobs"
_EVERYWHERE = (Malformed, Unauthenticated, InvalidRequest, RateLimited, Unavailable)


class SpecRefused(Exception):  # noqa: N818 - an answer to a person
    """Several reasons at once; the first gives the problem its code, all are listed."""

    def __init__(self, reasons: Iterable[Refused]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(self.reasons[0].detail)


def refusals(*kinds: type[Refused]) -> dict[int | str, dict[str, Any]]:
    """The problems a route may answer with, for its OpenAPI entry."""
    titles: dict[int, list[str]] = {}
    every: tuple[type[Refused], ...] = (*_EVERYWHERE, *kinds)
    for kind in dict.fromkeys(every):
        titles.setdefault(kind.status, []).append(f"{kind.title} (`{kind.code}`)")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": "; ".join(lines), "content": content}
        for status, lines in sorted(titles.items())
    }


def install(app: FastAPI) -> None:
    """Answer with a problem whatever is raised."""
    app.exception_handler(Refused)(_refused)
    app.exception_handler(SpecRefused)(_spec_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(SQLAlchemyError)(_database)
    app.exception_handler(ClientDisconnect)(_cut)
    app.exception_handler(Exception)(_unexpected)


def answer(
    request: Request,
    refusal: Refused,
    *,
    errors: Iterable[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem that says `refusal`, as a response."""
    return _response(request, _problem(request, refusal, errors), headers)


def _problem(request: Request, refusal: Refused, errors: Iterable[FieldProblem]) -> Problem:
    return Problem(
        type=f"urn:lathe:problem:{refusal.code}",
        title=refusal.title,
        status=refusal.status,
        detail=refusal.detail,
        instance=wording.shortened(request.url.path),
        code=refusal.code,
        error_class=refusal.error_class,
        retryable=refusal.retryable,
        param=refusal.param,
        errors=list(errors),
        request_id=getattr(request.state, "request_id", None),
    )


def _response(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    extra = dict(headers or {})
    if problem.request_id:
        extra["X-Request-ID"] = problem.request_id
    if problem.retryable:
        wait_s = _RETRY_AFTER_S.get(problem.code, RETRY_AFTER_S)
        extra.setdefault("Retry-After", str(wait_s))
    if problem.status == Unauthenticated.status:
        extra["WWW-Authenticate"] = "Bearer"
    body = b"" if request.method == "HEAD" else problem.model_dump_json().encode()
    return Response(body, problem.status, extra, MEDIA_TYPE)


async def _refused(request: Request, error: Refused) -> Response:
    if isinstance(error, RateLimited) and error.retry_after_s is not None:
        return answer(request, error, headers={"Retry-After": str(error.retry_after_s)})
    note_refused_access(request, error)
    return answer(request, error)


async def _spec_refused(request: Request, error: SpecRefused) -> Response:
    listed = [FieldProblem(param=r.param or "", detail=r.detail) for r in error.reasons]
    return answer(request, error.reasons[0], errors=listed)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    if (reason := wording.unreadable(error)) is not None:
        return answer(request, Malformed(reason))
    in_body = [each for each in error.errors() if each["loc"][0] == "body"]
    elsewhere = [each for each in error.errors() if each["loc"][0] != "body"]
    listed = [
        *wording.field_problems(in_body, error.body, skip=1),
        *wording.field_problems(elsewhere, None, skip=1),
    ]
    about_spec = request.url.path == _SPEC_PATH and bool(in_body)
    kind = InvalidSpec if about_spec else InvalidRequest
    refusal = kind(listed[0].detail, param=listed[0].param or None)
    return answer(request, refusal, errors=listed)


async def _http(request: Request, error: HTTPException) -> Response:
    known = {
        Missing.status: Missing(f"there is nothing at {wording.shortened(request.url.path)}"),
        TooLarge.status: _over_limit(request),
        TooSlow.status: TooSlow("the body came too slowly; send it again, or in pieces"),
        WrongMediaType.status: WrongMediaType(
            "the body is packed; send it as it is, without Content-Encoding",
            param="Content-Encoding",
        ),
        Malformed.status: Malformed(
            "the body could not be read; send JSON in UTF-8, less deeply nested"
        ),
        Unavailable.status: Unavailable("the service is busy; try again in a moment"),
    }
    if error.status_code in known:
        slow = {"Connection": "close"} if error.status_code == TooSlow.status else {}
        told = {**slow, **(error.headers or {})}
        return answer(request, known[error.status_code], headers=told)
    phrase = HTTPStatus(error.status_code).phrase
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {**(headers or {}), "Allow": ", ".join(_offered(request))}
    problem = Problem(
        type="about:blank",
        title=phrase,
        status=error.status_code,
        detail=f"{request.method} is not offered here"
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        else phrase,
        instance=wording.shortened(request.url.path),
        code=phrase.lower().replace(" ", "_"),
        error_class=ErrorClass.INVALID_REQUEST,
        retryable=False,
        request_id=getattr(request.state, "request_id", None),
    )
    return _response(request, problem, headers)


def _offered(request: Request) -> list[str]:
    """The methods of this address, of every route that has one; the router names those of the
    first route alone."""
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    ]


def _over_limit(request: Request) -> TooLarge:
    limit = getattr(request.state, LIMIT)
    return TooLarge(f"the body is over this service's limit of {limit} bytes; send less")


async def _database(request: Request, error: SQLAlchemyError) -> Response:
    """503 or 507 for a database in trouble; a bug is raised on and becomes 500."""
    refusal = database_trouble(error)
    if refusal is None:
        raise error
    why = f"{type(error).__name__}: {error.args[0] if error.args else ''}"
    log("app.database").warning("database in trouble", why=why, detail=refusal.detail)
    return answer(request, refusal)


async def _cut(request: Request, _error: ClientDisconnect) -> Response:
    """Nobody is there to read it; the log line wants a status."""
    return answer(request, Malformed("the connection was cut before the body was complete"))


async def _unexpected(request: Request, _error: Exception) -> Response:
    return answer(
        request, Internal("something went wrong here; the request id finds it in the logs")
    )
