"""Answers as typed values, one at a time or page by page."""

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from lathe.client.answers import unreadable
from lathe.client.asking import ask
from lathe.client.talk import Ask, Talk
from lathe.spec import Fact
from lathe.views import Page

Shown = TypeVar("Shown", bound=Fact)


def got(view: type[Shown], path: str, query: Mapping[str, Any] | None = None) -> Talk[Shown]:
    """What a GET answers."""
    answer = yield from ask(Ask("GET", path, query=query, again=True))
    return parsed(view, answer)


def got_list(view: type[Shown], path: str) -> Talk[list[Shown]]:
    """What a GET answers that has no pages."""
    answer = yield from ask(Ask("GET", path, again=True))
    try:
        return TypeAdapter(list[view]).validate_json(answer.content)  # type: ignore[valid-type]
    except ValidationError as error:
        raise unreadable(error, str(answer.url)) from error


def pages(
    view: type[Shown],
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> Talk[list[Shown]]:
    """Every item of a list, page after page, or the first `limit` of them."""
    items: list[Shown] = []
    asked = dict(query or {})
    while True:
        answer = yield from ask(Ask("GET", path, query=asked, again=True))
        page = parsed(Page[view], answer)  # type: ignore[valid-type]
        items += page.items
        if page.next_cursor is None or (limit is not None and len(items) >= limit):
            return items[:limit]
        asked["cursor"] = page.next_cursor


def parsed(view: type[Shown], answer: httpx.Response) -> Shown:
    """The answer's body as a `view`; raises ServiceError where it is none."""
    try:
        return view.model_validate_json(answer.content)
    except ValidationError as error:
        raise unreadable(error, str(answer.url)) from error
