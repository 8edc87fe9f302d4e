"""Answers as two tenants would compare them."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

_OF_THE_REQUEST = {"x-request-id", "date", "ratelimit"}  # the last counts the caller's own
_LENGTH = "content-length"  # of JSON, clocks change it
_CLOCKS = {
    *("request_id", "queued_s", "running_s", "last_used_at"),
    "minutes",  # of usage, with its `at`
}


def plain(answer: httpx.Response, *named: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body, without what names the request, its moment, or one of the ids
    that were `named`."""
    headers = {
        name: _without(value, named)
        for name, value in answer.headers.items()
        if name not in _OF_THE_REQUEST and not (name == _LENGTH and answer.content)
    }
    return answer.status_code, headers, _without(_timeless(answer), named)


def _timeless(answer: httpx.Response) -> str:
    if "json" not in answer.headers.get("content-type", "") or not answer.content:
        return answer.text
    return json.dumps(_told(answer.json()))


def _told(value: Any) -> Any:
    if isinstance(value, Mapping):
        moves = _CLOCKS | ({"at"} if "month" in value else set())
        return {name: _told(each) for name, each in value.items() if name not in moves}
    if isinstance(value, list):
        return [_told(each) for each in value]
    return value


def _without(text: str, named: tuple[str, ...]) -> str:
    for each in named:
        text = text.replace(each, "<id>")
    return text
