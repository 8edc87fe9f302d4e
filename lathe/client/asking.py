"""Asking, and asking again: the one place where requests are repeated."""

import random
from collections.abc import Callable
from http import HTTPStatus

import httpx

from lathe.client.answers import checked, retry_after_s
from lathe.client.talk import Ask, Pause, Talk
from lathe.errors import LatheError, Timeout, Unreachable
from lathe.views import Problem

DELAYS_S = (0.25, 0.5, 1.0, 2.0, 4.0)
LONGEST_PAUSE_S = 60.0  # a service that asks for more is not waited for
_LATER = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
_UNSEEN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.LOCKED})  # nothing was done


def ask(wish: Ask | Callable[[], Ask]) -> Talk[httpx.Response]:
    """The answer, once it is one; raises what was refused, and the last failure when
    repeating did not help. A function makes the request anew for each time. What is gone when
    its deletion is repeated was deleted by a request whose answer was lost."""
    maybe_done = False
    for delay_s in DELAYS_S:
        request = wish() if callable(wish) else wish
        try:
            answer: httpx.Response = yield request
        except Unreachable as error:
            if not error.passing or (error.arrived and not request.again):
                raise
            maybe_done = maybe_done or error.arrived
            yield _jittered(delay_s, error)
        except Timeout as error:
            if not request.again:
                raise
            maybe_done = True
            yield _jittered(delay_s, error)
        else:
            pause_s = _asked_to_wait(answer, delay_s, again=request.again)
            if pause_s is None:
                return answer if maybe_done and _is_gone(request, answer) else checked(answer)
            maybe_done = maybe_done or answer.status_code in _LATER
            yield Pause(pause_s, f"the service answered {answer.status_code}")
    request = wish() if callable(wish) else wish
    answer = yield request
    return answer if maybe_done and _is_gone(request, answer) else checked(answer)


def _is_gone(request: Ask, answer: httpx.Response) -> bool:
    """The service says that what was to be deleted is not there."""
    missing = answer.status_code == HTTPStatus.NOT_FOUND
    return request.method == "DELETE" and missing and _is_problem(answer)


def _jittered(delay_s: float, error: LatheError) -> Pause:
    """Half the delay and a random part of the rest, so that clients do not come in step."""
    return Pause(delay_s * (0.5 + random.random() / 2), error.detail)  # noqa: S311 - no secret


def _asked_to_wait(answer: httpx.Response, delay_s: float, *, again: bool) -> float | None:
    """How long to wait before the same request; None for an answer that stands."""
    refused_unseen = answer.status_code in _UNSEEN and not _stands(answer)
    if not refused_unseen and not (again and answer.status_code in _LATER):
        return None
    asked_s = retry_after_s(answer)
    pause_s = delay_s if asked_s is None else asked_s
    return pause_s if pause_s <= LONGEST_PAUSE_S else None


def _stands(answer: httpx.Response) -> bool:
    """Whether the service says that the same request will be refused again."""
    if not _is_problem(answer):
        return False
    return not Problem.model_validate_json(answer.content).retryable


def _is_problem(answer: httpx.Response) -> bool:
    return "problem+json" in answer.headers.get("content-type", "")
