"""A service that is played by a function, and the command that talks to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from lathe import ids

NOW = "2026-01-02T03:04:05Z"
Step = httpx.Response | BaseException
MODEL, DATA, JOB = ids.new("mdl"), ids.new("dat"), ids.new("job")


@dataclass
class Played:
    """Answers by method and path; several of one place in turn, the last for good."""

    answers: dict[str, list[Step]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def on(self, place: str, *steps: Step) -> "Played":
        self.answers[place] = list(steps)
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        steps = self.answers.get(f"{request.method} {request.url.path}")
        if not steps:
            return problem(404, "not_found", f"there is nothing at {request.url.path}")
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, BaseException):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)

    def sent(self, place: str) -> Iterator[httpx.Request]:
        return (r for r in self.asked if f"{r.method} {r.url.path}" == place)


Play = Callable[[Played], None]


def found(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def page(*items: dict[str, Any]) -> httpx.Response:
    return found({"items": list(items), "next_cursor": None})


def problem(status: int, code: str, detail: str, **more: Any) -> httpx.Response:
    body = {
        "type": "about:blank",
        "title": code,
        "status": status,
        "detail": detail,
        "instance": "/",
        "code": code,
        "class": "invalid_request",
        "retryable": False,
    }
    return httpx.Response(
        status, json=body | more, headers={"content-type": "application/problem+json"}
    )


def job(state: str = "succeeded", **more: Any) -> dict[str, Any]:
    view = {"id": JOB, "kind": "compress", "state": state, "display_state": state}
    view |= {"queue": "cpu", "priority": 5, "attempt": 1, "created_at": NOW}
    return view | {"queued_s": 0.5, "running_s": 2.0} | more


def verdict(*, met: bool | None = True) -> dict[str, Any]:
    return {
        "best": "int8",
        "constraints_met": met,
        "realised": "smaller",
        "sentence": "3.9x smaller.",
    }


def model(**more: Any) -> dict[str, Any]:
    view = {"id": MODEL, "name": "net.onnx", "state": "ready", "size_bytes": 3}
    return view | {"sha256": "00", "created_at": NOW} | more


def dataset(*splits: tuple[str, int], **more: Any) -> dict[str, Any]:
    facts = {
        "format": "npz",
        "splits": [{"name": n, "examples": count, "fields": []} for n, count in splits],
    }
    view = {"id": DATA, "name": "d.npz", "state": "ready", "size_bytes": 3, "facts": facts}
    return view | {"sha256": "00", "created_at": NOW} | more


def technique(name: str) -> dict[str, Any]:
    return {
        "technique": name,
        "phase": "lower",
        "summary": "Does it.",
        "needs": {},
        "json_schema": {},
    }


def recipe(name: str) -> dict[str, Any]:
    return {"recipe": name, "summary": "Does it.", "json_schema": {}}
