"""Pydantic's errors in Lathe's words: the field as a dotted path, and what would be right."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from lathe.views import FieldProblem

_MOST_PROBLEMS = 50
_MOST_CHARACTERS = 500
_ID_PATTERN = re.compile(r"\^([a-z]{3}_)\[0-7\]")
_NOT_AN_OBJECT = "this must be a JSON object, written {...}"
_SAID = {  # pydantic's error types that need no numbers
    "missing": "this field is needed",
    "extra_forbidden": "there is no such field here; remove it or check its spelling",
    "union_tag_not_found": "this field is needed: it says which kind this is",
    "model_type": _NOT_AN_OBJECT,
    "model_attributes_type": _NOT_AN_OBJECT,
    "dict_type": _NOT_AN_OBJECT,
}
_NAMED_FIELD = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+)*): (.+)", re.DOTALL)


def shortened(text: str, most: int = _MOST_CHARACTERS) -> str:
    """`text` cut to `most` characters, so that nothing huge is echoed."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def unreadable(error: RequestValidationError) -> str | None:
    """Why the body is not JSON at all, or None when it is."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        position = first["loc"][-1]
        return f"the body is not JSON (at character {position}): {first['ctx']['error']}"
    if isinstance(error.body, bytes):
        return "the body was not sent as JSON; add the header Content-Type: application/json"
    if first["type"] == "missing" and first["loc"] == ("body",):
        return "the body is empty; send JSON"
    return None


def field_problems(
    errors: Iterable[Mapping[str, Any]], body: Any, *, skip: int = 0
) -> list[FieldProblem]:
    """One entry a field; `skip` leaves out the first parts of each place (such as `body`).

    `body` is the value that was checked: with it the names of union members, which pydantic
    mixes into the place, are told from keys. Values are never shown.
    """
    details: dict[str, list[str]] = {}
    for error in _own(list(errors)):
        place = error["loc"][skip:]
        param, detail = _param(error, place, body), _detail(error)
        if match := _NAMED_FIELD.fullmatch(detail) if error["type"] == "value_error" else None:
            param, detail = _joined(param, match[1]), match[2]
        said = details.setdefault(shortened(param, 200), [])
        if detail not in said:
            said.append(detail)
    listed = list(details.items())[:_MOST_PROBLEMS]
    return [
        FieldProblem(param=param, detail=shortened("; or: ".join(said)))
        for param, said in listed
    ]


def _own(errors: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Without "too short" where it only counts the members that were refused themselves, and
    without defaults that could not be made because another field was refused."""
    for error in errors:
        if error["type"] == "default_factory_not_called":
            continue
        place = error["loc"]
        deeper = (len(o["loc"]) > len(place) == _shared(o["loc"], place) for o in errors)
        if error["type"] != "too_short" or not any(deeper):
            yield error


def _shared(one: Sequence[str | int], other: Sequence[str | int]) -> int:
    """How many parts two places have in common from their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _joined(place: str, named: str) -> str:
    return f"{place}.{named}" if place else named


def _param(error: Mapping[str, Any], place: Sequence[str | int], body: Any) -> str:
    kept: list[str] = []
    here = body
    for index, part in enumerate(place):
        last = index == len(place) - 1
        if isinstance(here, Mapping):
            if part in here:
                here = here[part]
            elif not (last and error["type"] == "missing"):
                continue  # the name of a union's member
        elif isinstance(here, Sequence) and not isinstance(here, str | bytes):
            if not isinstance(part, int) or part >= len(here):
                continue
            here = here[part]
        elif here is not None:
            continue  # members of a union of plain values
        kept.append(str(part))
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        kept.append(str(error["ctx"]["discriminator"]).strip("'"))
    return ".".join(kept)


def _detail(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if (said := _SAID.get(error["type"])) is not None:
        return said
    match error["type"]:
        case "union_tag_invalid":
            return f"{shortened(context['tag'], 60)!r} is unknown; use one of " + str(
                context["expected_tags"]
            )
        case "string_pattern_mismatch":
            return _unmatched(context["pattern"])
        case "too_short":
            return f"give at least {_items(context['min_length'])}"
        case "too_long":
            return f"give at most {_items(context['max_length'])}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _unmatched(pattern: str) -> str:
    id_of = _ID_PATTERN.match(pattern)
    if id_of is None:
        return f"this does not match {pattern}"
    return f"this is not an id that begins with {id_of[1]!r}; copy the whole id"
