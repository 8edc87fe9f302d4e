"""What the buttons of a form do to the JSON it says: `add:a.b`, `remove:a.b.0`, `up:a.b.1`,
`down:a.b.0`."""

from collections.abc import Callable
from typing import Any

from lathe.errors import Malformed

_NOT_THERE = "there is no such item any more; the form was changed meanwhile"
_DIGITS = 6  # of a position


def edited(draft: Any, button: str, new: Any) -> Any:
    """`draft` after the button; `new` is the item that `add` puts at the end. Raises Malformed
    for what is not there."""
    action, _, path = button.partition(":")
    if action == "add":
        return _changed(draft, path.split("."), lambda items: [*items, new])
    *before, last = path.split(".")
    at = _position(last)
    if at is None or action not in {"remove", "up", "down"}:
        raise Malformed(_NOT_THERE)
    match action:
        case "remove":
            return _changed(draft, before, lambda items: [*items[:at], *items[at + 1 :]])
        case "up":
            return _changed(draft, before, lambda items: _swapped(items, at - 1))
        case _:
            return _changed(draft, before, lambda items: _swapped(items, at))


def _changed(here: Any, path: list[str], change: Callable[[list[Any]], list[Any]]) -> Any:
    if not path:
        if not isinstance(here, list | tuple | None):
            raise Malformed(_NOT_THERE)
        return change(list(here or []))
    first, *rest = path
    at = _position(first)
    if isinstance(here, list) and at is not None and at < len(here):
        return [*here[:at], _changed(here[at], rest, change), *here[at + 1 :]]
    if isinstance(here, dict):
        return {**here, first: _changed(here.get(first), rest, change)}
    raise Malformed(_NOT_THERE)


def _position(part: str) -> int | None:
    """The position that a part of a path is; None where it is none that a list could have."""
    return int(part) if part.isdecimal() and len(part) <= _DIGITS else None


def _swapped(items: list[Any], at: int) -> list[Any]:
    """With the items at `at` and behind it exchanged; as it is where one is not there."""
    if not 0 <= at < len(items) - 1:
        return items
    return [*items[:at], items[at + 1], items[at], *items[at + 2 :]]
