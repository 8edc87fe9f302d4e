"""Answers and silences of the service as results and errors of `lathe.errors`."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
from pydantic import ValidationError

from lathe import errors
from lathe.errors import ErrorClass
from lathe.views import Problem

_LONGEST_REASON = 200
_NEWER: dict[ErrorClass, type[errors.Refused]] = {
    ErrorClass.INVALID_REQUEST: errors.InvalidRequest,
    ErrorClass.UNSUPPORTED_MODEL: errors.UnsupportedModel,
    ErrorClass.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    ErrorClass.TIMEOUT: errors.RunTimeout,
    ErrorClass.TRANSIENT: errors.Unavailable,
    ErrorClass.INTERNAL: errors.Internal,
}


def checked(answer: httpx.Response) -> httpx.Response:
    """`answer` itself; raises what it refuses."""
    if not answer.is_error:
        return answer
    if "problem+json" not in answer.headers.get("content-type", ""):
        raise _without_reason(answer)
    problem = Problem.model_validate_json(answer.content)
    refusal = refused(problem.code, problem.error_class, problem.detail, problem.param)
    for each in problem.errors[1:]:  # the first is the refusal itself
        refusal.add_note(f"{each.param}: {each.detail}" if each.param else each.detail)
    if isinstance(refusal, errors.ServiceError) and problem.request_id:
        refusal.add_note(f"request id {problem.request_id}")
    raise refusal


def refused(code: str, kind: ErrorClass, detail: str, param: str | None) -> errors.Refused:
    """The refusal with that code; one that only a newer service knows is the root of its
    kind."""
    try:
        named = errors.named(code)
    except KeyError:
        named = _NEWER[kind]
    return named(detail, param=param)


def trouble(error: httpx.TransportError, url: str, *, met: bool) -> errors.LatheError:
    """What an exchange without an answer is; `met` says whether anything ever answered."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        detail = f"nothing answers at {url} ({_reason(error)}); is the service running there?"
        return errors.Unreachable(detail, arrived=False, passing=met)
    if isinstance(error, httpx.TimeoutException):
        return errors.Timeout(f"{url} was silent for too long; try again, or wait longer")
    detail = f"the connection to {url} was cut ({_reason(error)}); try again"
    return errors.Unreachable(detail, arrived=True, passing=True)


def retry_after_s(answer: httpx.Response) -> float | None:
    """What `Retry-After` asks for, as seconds or as a date; None without it."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def unreadable(error: ValidationError, url: str) -> errors.ServiceError:
    """An answer that is not what this client knows."""
    where = error.errors()[0]["loc"]
    return errors.ServiceError(
        f"{url} answered something else than this client understands (at "
        f"{'.'.join(map(str, where)) or 'its beginning'}); is it a Lathe service, and of this "
        "client's release?"
    )


def _without_reason(answer: httpx.Response) -> errors.LatheError:
    status = answer.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return errors.RateLimited("the service asks for fewer requests; try again later")
    if status == HTTPStatus.NOT_FOUND:
        return errors.Missing("there is no Lathe service at this address; check the URL")
    return errors.Unavailable(f"the service answered {status} without a reason")


def _reason(error: httpx.TransportError) -> str:
    return (str(error) or type(error).__name__)[:_LONGEST_REASON]
