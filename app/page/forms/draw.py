"""The fields to show for a schema, with what was said so far and what is wrong with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.page import numbers
from app.page.forms.schema import MISSING, Asked, Schema, asked, followed, pattern
from app.page.forms.usual import own, usual

Options = tuple[tuple[str, str], ...]
_LONG_HINT = 140  # characters
_MAIN = 6  # fields of a form that are seen at once
_LIMITS = (
    ("exclusiveMinimum", "above"),
    ("minimum", "at least"),
    ("exclusiveMaximum", "below"),
    ("maximum", "at most"),
)


@dataclass(frozen=True)
class Field:
    """One field of a form, or a group of them. `name` is its dotted path in the JSON."""

    kind: str
    name: str
    label: str
    hint: str = ""
    value: str = ""
    on: bool = False
    optional: bool = False
    options: Options = ()
    problem: str | None = None
    children: tuple["Field", ...] = ()
    tag: str = ""

    @property
    def id(self) -> str:
        """Of the element that holds it."""
        return "f-" + self.name.replace(".", "-").replace("?", "")

    @property
    def wide(self) -> bool:
        """Whether there is much to say about it."""
        return len(self.hint) > _LONG_HINT

    @property
    def wrong(self) -> bool:
        """Whether anything in it is wrong."""
        return self.problem is not None or any(child.wrong for child in self.children)

    @property
    def main(self) -> tuple["Field", ...]:
        """The children that are seen at once: the needed ones, then the first few."""
        return self.children if len(self.children) <= _MAIN + 1 else self.children[:_MAIN]

    @property
    def more(self) -> tuple["Field", ...]:
        """The children that are unfolded when asked for."""
        return self.children[len(self.main) :]


@dataclass(frozen=True)
class Around:
    """What a form is drawn with: the schema's definitions, the project's models, choices for
    fields whose schema takes any text, and problems by path."""

    defs: Mapping[str, Schema]
    models: Options = ()
    choices: Mapping[str, Options] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def draw(
    node: Schema, around: Around, name: str, value: Any = MISSING, *, needed: bool = False
) -> Field:
    """The field for `node` at `name`, holding `value` (MISSING: what is usual)."""
    ask = asked(node, around.defs)
    if value is MISSING:
        value = None if ask.default is MISSING else ask.default
    common: dict[str, Any] = {
        "name": name,
        "label": numbers.words(name),
        "hint": _hint(ask),
        "problem": around.problems.get(name),
        "optional": not needed,
    }
    match ask.kind:
        case "object":
            return _object(ask, around, value, common)
        case "union":
            return _union(ask, around, value, common)
        case "list":
            return _list(ask, around, value, common)
        case _:
            return _plain(ask, around, value, common)


def children(node: Schema, around: Around, name: str, value: Any) -> tuple[Field, ...]:
    """A field for each property of an object, in the order that people look for them."""
    said = value if isinstance(value, Mapping) else {}
    needed = set(node.get("required", ()))
    drawn = []
    for key in sorted(node["properties"], key=lambda key: _rank(key, node, around)):
        child = node["properties"][key]
        if "const" in followed(child, around.defs):
            continue
        now = said.get(key, MISSING)
        if now is MISSING and "default" not in child:
            found = usual(node.get("title"), key)
            now = MISSING if found is None else found
        path = f"{name}.{key}" if name else key
        drawn.append(draw(child, around, path, now, needed=key in needed))
    return tuple(drawn)


def _rank(key: str, node: Schema, around: Around) -> int:
    """What is needed first, then numbers that nothing is usual for (most say how far to go),
    then what only this class has, groups last, what it shares with others, the step's id."""
    ask = asked(node["properties"][key], around.defs)
    if key in node.get("required", ()):
        return 0
    if key == "id":
        return 5
    if key not in own(node.get("title")):
        return 4
    if ask.kind in {"object", "union", "list"}:
        return 3
    unsaid = ask.default is MISSING or ask.default is None
    return 1 if ask.kind == "number" and unsaid else 2


def _object(ask: Asked, around: Around, value: Any, common: dict[str, Any]) -> Field:
    given = isinstance(value, Mapping) or not ask.nullable
    below = children(ask.node, around, common["name"], value) if given else ()
    return Field("optional" if ask.nullable else "object", on=given, children=below, **common)


def _union(ask: Asked, around: Around, value: Any, common: dict[str, Any]) -> Field:
    tag = str(value.get(ask.tag, "")) if isinstance(value, Mapping) else ""
    none = (("", "none" if ask.nullable else "as usual"),)
    options = tuple((each, each.replace("_", " ")) for each in ask.members)
    below: tuple[Field, ...] = ()
    if tag in ask.members:
        member = asked({"$ref": ask.members[tag]}, around.defs)
        below = children(member.node, around, common["name"], value)
        common = {**common, "hint": common["hint"] or _first_line(member.description)}
    problem = around.problems.get(f"{common['name']}.{ask.tag}", common["problem"])
    return Field(
        "union",
        value=tag,
        options=none + options,
        children=below,
        tag=ask.tag,
        **{**common, "problem": problem},
    )


def _list(ask: Asked, around: Around, value: Any, common: dict[str, Any]) -> Field:
    items = value if isinstance(value, list | tuple) else []
    below = tuple(
        draw(ask.node["items"], around, f"{common['name']}.{index}", item, needed=True)
        for index, item in enumerate(items)
    )
    return Field("list", children=below, **common)


def _plain(ask: Asked, around: Around, value: Any, common: dict[str, Any]) -> Field:
    options = _options(ask, around, common["name"])
    if options is not None:
        needed = ask.default is not MISSING and ask.default is not None
        options = options if needed else (("", "none"), *options)
        return Field("choice", value=_text(value), options=options, **common)
    match ask.kind:
        case "flag":
            return Field("flag", on=bool(value), **common)
        case "texts":
            common = {**common, "hint": f"{common['hint']} One a line.".strip()}
            return Field("lines", value=_joined(value, "\n"), **common)
        case "json":
            common = {**common, "hint": f"{common['hint']} As JSON.".strip()}
            text = "" if value is None else json.dumps(value)
            return Field("json", value=value if isinstance(value, str) else text, **common)
        case "number" | "integer":
            return Field("number", value=_text(value), **common)
        case _:
            return Field("text", value=_joined(value, ", "), **common)


def _options(ask: Asked, around: Around, name: str) -> Options | None:
    """What may be chosen; None where anything may be written."""
    if ask.kind == "model":
        return tuple((each, each) for each in _constants(ask.node)) + around.models
    if ask.kind == "choice":
        return tuple((each, each.replace("_", " ")) for each in ask.choices)
    return around.choices.get(pattern(name))


def _constants(node: Schema) -> list[str]:
    return [str(each["const"]) for each in node.get("anyOf", []) if "const" in each]


def _hint(ask: Asked) -> str:
    limits = [f"{word} {_bound(ask.node[key])}" for key, word in _LIMITS if key in ask.node]
    bounds = f"{' and '.join(limits)}." if limits else ""
    said = (
        _first_line(ask.description)
        if ask.kind in {"object", "union", "list"}
        else " ".join(ask.description.split())
    )
    return f"{said} {bounds[:1].upper()}{bounds[1:]}".strip().replace("`", "")


def _bound(limit: float) -> str:
    return f"{int(limit):,}" if limit == int(limit) else f"{limit:g}"


def _first_line(text: str) -> str:
    return text.strip().split("\n\n")[0].replace("\n", " ")


def _joined(value: Any, between: str) -> str:
    several = isinstance(value, list | tuple)
    return between.join(map(_text, value)) if several else _text(value)


def _text(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    return (
        f"{value:g}"
        if isinstance(value, float) and float(f"{value:g}") == value
        else str(value)
    )
