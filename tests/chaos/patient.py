"""A plain HTTP client that does not give up: it asks again, at another door, until it is told.

It asks again after a connection that broke and after every answer that calls itself
retryable, and a few times after other faults of the service. A POST that it sends again
carries the Idempotency-Key of the first.
"""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx

_GIVE_UP_S = 240.0
_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 2.0
_OURS = 500  # answers from here on are the service's fault
_UNAVAILABLE = 503


class GaveUp(Exception):  # noqa: N818 - reads as the sentence it carries
    """The service did not answer rightly for minutes."""


class Answers:
    """Counts what all clients were answered; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.broken = 0
        self.failed: Counter[int] = Counter()
        self.wrong: list[str] = []  # no retryable problem, or a 503 without Retry-After

    def add(self, answer: httpx.Response | None) -> None:
        """Note an answer, or a connection that broke."""
        with self._lock:
            if answer is None:
                self.broken += 1
            elif answer.status_code >= _OURS:
                self.failed[answer.status_code] += 1
                waits = "retry-after" in answer.headers or answer.status_code != _UNAVAILABLE
                if not (retryable(answer) and waits):
                    asked = f"{answer.request.method} {answer.request.url.path}"
                    self.wrong.append(f"{asked}: {answer.status_code} {answer.text[:200]}")


class Patient:
    """One client with one key and several doors to the same service."""

    def __init__(self, doors: list[str], key: str, answers: Answers) -> None:
        self._doors = itertools.cycle(random.sample(doors, len(doors)))
        self._answers = answers
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(30, connect=5),
            trust_env=False,
        )

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON behind a path."""
        return self.ask("GET", path, params=query).json()

    def pages(self, path: str, **query: str | int) -> Iterator[Any]:
        """Every item of a list."""
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Callable[[], bytes | Iterable[bytes]] | None = None,
        done: Callable[[], httpx.Response | None] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """The first answer that is not the service's fault; raises GaveUp.

        `body` is made anew for each try. `done` is asked before a second try whether the
        first was carried out after all.
        """
        deadline, pause_s = time.monotonic() + _GIVE_UP_S, _PAUSE_S
        while True:
            answer = self._once(method, path, body, options)
            if answer is not None and answer.status_code < _OURS:
                return answer
            invited = answer is None or retryable(answer)
            if time.monotonic() > deadline or not (invited or pause_s < _LONGEST_PAUSE_S):
                raise GaveUp(f"{method} {path}: {answer and answer.text}")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            if done is not None and (before := done()) is not None:
                return before

    def _once(
        self,
        method: str,
        path: str,
        body: Callable[[], bytes | Iterable[bytes]] | None,
        options: dict[str, Any],
    ) -> httpx.Response | None:
        content = body() if body is not None else None
        try:
            answer = self._http.request(
                method, f"{next(self._doors)}{path}", content=content, **options
            )
        except httpx.TransportError:
            answer = None
        self._answers.add(answer)
        return answer


def retryable(answer: httpx.Response) -> bool:
    """Whether an answer is a problem document that invites to ask again."""
    if "problem+json" not in answer.headers.get("content-type", ""):
        return False
    return bool(answer.json()["retryable"])
