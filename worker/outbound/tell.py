"""One try to deliver one message: signed, guarded, in bounded time, whatever answers."""

import asyncio
import time
from http import HTTPStatus

import httpx

from app.store.outbound import Allowed, Place
from app.store.outbox import Answered, Parcel
from lathe import __version__
from lathe.errors import Refused
from worker.outbound.guard import Guard, said
from worker.outbound.sign import signed

_READ_BYTES = 2000  # of an answer; the rest is not waited for
_KEPT_CHARACTERS = 500
_KEPT_ERROR = 300
_LONGEST_ASKED_S = 86_400


async def tell(parcel: Parcel, guard: Guard, allowed: Allowed, timeout_s: float) -> Answered:
    """Post the message; every way that this can go is an answer.

    What a place of the operator's own says is not kept, as tenants could read it.
    """
    try:
        place = Place.checked(parcel.url, allowed, "url")
        async with asyncio.timeout(timeout_s):
            return await _posted(parcel, guard, place)
    except Refused as refused:
        return Answered(None, refused.detail[:_KEPT_ERROR])
    except TimeoutError:
        return Answered(None, f"it did not answer within {timeout_s:g} s")
    except httpx.HTTPError as error:
        return Answered(None, f"its answer broke off: {said(error)}")


async def _posted(parcel: Parcel, guard: Guard, place: Place) -> Answered:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"lathe/{__version__}",
        **signed(parcel.secrets, parcel.id, int(time.time()), parcel.body),
    }
    async with guard.sent("POST", place, headers, parcel.body.encode()) as response:
        status, answer = response.status_code, await _beginning(response)
    return Answered(
        status=status,
        error=_trouble(status),
        answer=None if place.trusted else answer,
        gone=status == HTTPStatus.GONE,
        asked_wait_s=_asked_wait_s(response.headers.get("retry-after", "")),
    )


def _asked_wait_s(retry_after: str) -> float:
    """Of the header in seconds; its other form, a date, is left to our own schedule."""
    return float(min(int(retry_after), _LONGEST_ASKED_S)) if retry_after.isdecimal() else 0.0


async def _beginning(response: httpx.Response) -> str:
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk[: _READ_BYTES - len(read)]
        if len(read) >= _READ_BYTES:
            break
    return read.decode(errors="replace").replace("\0", "")[:_KEPT_CHARACTERS]


def _trouble(status: int) -> str | None:
    if 200 <= status < 300:  # noqa: PLR2004 - success
        return None
    if 300 <= status < 400:  # noqa: PLR2004 - redirection
        return f"it answered {status}; redirects are not followed, name the last address itself"
    return f"it answered {status}"
