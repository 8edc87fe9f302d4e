"""The fields of a form become the JSON that they say. Nothing is checked here but that a list
stays within reason: what is no number, or no JSON as the API takes it, stays text, and whoever
validates it says what is wrong and where.

    a.b           a value, by its dotted path
    a.b?          whether the optional object a.b is given: "0" or "1"
    a.b.#         the list a.b was shown, so without items it is empty
    a.b.0.c       field c of its first item
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.http.strict import parsed
from app.page.forms.schema import MISSING, Asked, Schema, asked
from lathe.errors import Malformed

Form = Mapping[str, str]
_BETWEEN = re.compile(r"[\s,;]+")
_SPARE = 16  # items over what a list may have that are still shown, to be removed by hand
_DEEPEST = 8  # levels of JSON in one field; no field of a spec takes more than three


def read(node: Schema, defs: Mapping[str, Schema], name: str, form: Form) -> Any:
    """What the form says of `name`; MISSING where it says nothing."""
    ask = asked(node, defs)
    match ask.kind:
        case "object":
            return _object(ask, defs, name, form)
        case "union":
            return _union(ask, defs, name, form)
        case "list":
            return _list(ask, defs, name, form)
        case "flag":
            return form[name] == "1" if name in form else MISSING
        case _:
            return _plain(ask, name, form)


def fields(node: Schema, defs: Mapping[str, Schema], name: str, form: Form) -> dict[str, Any]:
    """What the form says of each property of an object."""
    said = {
        key: read(child, defs, f"{name}.{key}" if name else key, form)
        for key, child in node["properties"].items()
    }
    return {key: value for key, value in said.items() if value is not MISSING}


def indices(name: str, form: Form) -> list[int]:
    """The positions of the items of a list that the form has."""
    pattern = re.compile(re.escape(name) + r"\.(\d{1,4})(?:[.?]|$)")
    return sorted({int(found[1]) for key in form if (found := pattern.match(key))})


def _object(ask: Asked, defs: Mapping[str, Schema], name: str, form: Form) -> Any:
    if ask.nullable:
        given = form.get(f"{name}?")
        if given is None:
            return MISSING
        return fields(ask.node, defs, name, form) if given == "1" else None
    return fields(ask.node, defs, name, form) or MISSING


def _union(ask: Asked, defs: Mapping[str, Schema], name: str, form: Form) -> Any:
    tag = form.get(f"{name}.{ask.tag}", "")
    if not tag:
        shown = f"{name}.{ask.tag}" in form
        return None if shown and ask.nullable else MISSING
    if tag not in ask.members:
        return {ask.tag: tag}
    member = asked({"$ref": ask.members[tag]}, defs).node
    return {**fields(member, defs, name, form), ask.tag: tag}


def _list(ask: Asked, defs: Mapping[str, Schema], name: str, form: Form) -> Any:
    if f"{name}.#" not in form:
        return MISSING
    found = indices(name, form)
    most = ask.node.get("maxItems", 0) + _SPARE
    if len(found) > most:
        raise Malformed(f"the form has {len(found)} items at {name}; send at most {most}")
    items = [read(ask.node["items"], defs, f"{name}.{i}", form) for i in found]
    return [{} if item is MISSING else item for item in items]


def _plain(ask: Asked, name: str, form: Form) -> Any:
    if name not in form:
        return MISSING
    text = form[name].strip()
    if ask.kind == "numbers":
        return [number(part) for part in _BETWEEN.split(text) if part]
    if ask.kind == "texts":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if not text:
        return None if ask.nullable and ask.default is not None else MISSING
    return _one(ask, text)


def _one(ask: Asked, text: str) -> Any:
    if ask.kind in {"number", "integer"} or ask.node.get("type") == "integer":
        return number(text)
    return _json(text) if ask.kind == "json" else text


def number(text: str) -> Any:
    """The number that people wrote, with a point or a comma; the text where it is none."""
    for made in (int, float):
        try:
            return made(text.replace(",", ".")) if made is float else made(text)
        except ValueError:
            continue
    return text


def _json(text: str) -> Any:
    try:
        value = parsed(text.encode())
    except (ValueError, RecursionError):
        return text
    return text if _is_deep(value) else value


def _is_deep(value: Any) -> bool:
    """Whether anything lies over `_DEEPEST` levels down, where whoever writes it may fail."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()
