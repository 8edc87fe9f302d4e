"""JSON Schema as Markdown: a table of an object's fields, and what a value may be in words."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from docs.generate.prose import escaped

Schema = Mapping[str, Any]
Link = Callable[[str], str]  # a schema's name to where it is described

_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minItems": "{} or more",
    "maxItems": "up to {}",
    "maxLength": "up to {} characters",
}
_PLAIN = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "None": "anything",
}
_ELSEWHERE = {"technique": "steps", "recipe": "a recipe"}


def fields(schema: Schema, link: Link, *, given: bool) -> str:
    """One row a field. `given`: people write it, so what may be left out has a default."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if not properties:
        return ""
    required = schema.get("required", ())
    head = (
        ["field", "takes", "default", "what it is"] if given else ["field", "is", "what it is"]
    )
    lines = [row(head), "|" + "---|" * len(head)]
    for name, value in properties.items():
        told = cell(value.get("description", ""))
        default = [_default(value, needed=name in required)] if given else []
        lines.append(row([f"`{name}`", kind(value, link), *default, told]))
    return "\n".join(lines)


def row(cells: list[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def cell(text: str) -> str:
    """One line, and no bar that would end the cell."""
    return escaped(" ".join(text.split())).replace("|", "\\|")


def kind(schema: Schema, link: Link) -> str:
    """What a value may be, in words, with its bounds and where its parts are described."""
    tag = schema.get("discriminator", {}).get("propertyName")
    if tag in _ELSEWHERE:
        return f"[{_ELSEWHERE[tag]}]({link(tag)})"
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        words = [kind(each, link) for each in choices if each.get("type") != "null"]
        optional = "; or null" if len(words) < len(choices) else ""
        return ", ".join(dict.fromkeys(words)) + optional
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}]({link(name)})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    bounds = [
        text.format(f"{schema[key]:,}".removesuffix(".0"))
        for key, text in _BOUNDS.items()
        if key in schema
    ]
    return ", ".join([_noun(schema, link), *bounds])


def _noun(schema: Schema, link: Link) -> str:
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return "pair of: " + "; ".join(
                dict.fromkeys(kind(each, link) for each in schema["prefixItems"])
            )
        case "array":
            return f"list of {kind(schema.get('items', {}), link)}"
        case "object":
            inner = schema.get("additionalProperties")
            return f"by name: {kind(inner, link)}" if isinstance(inner, Mapping) else "object"
        case "string":
            return {"date-time": "time", "binary": "bytes"}.get(
                schema.get("format", ""), "text"
            )
        case other:
            return _PLAIN.get(str(other), str(other))


def _default(schema: Schema, *, needed: bool) -> str:
    if needed:
        return "must be given"
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


_OF_HEADERS = "#/components/headers/"


def refs(node: Any) -> Iterator[str]:
    """The names of all schemas that `node` mentions, those of tagged unions left out."""
    if isinstance(node, Mapping):
        if node.get("discriminator", {}).get("propertyName") in _ELSEWHERE:
            return
        if isinstance(node.get("$ref"), str) and not node["$ref"].startswith(_OF_HEADERS):
            yield node["$ref"].rsplit("/", 1)[-1]
        for key, value in node.items():
            if key != "discriminator":
                yield from refs(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from refs(value)


def reached(names: Iterator[str], schemas: Mapping[str, Schema]) -> list[str]:
    """Every schema that is mentioned, or by one that is, in alphabetical order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += refs(schemas[name])
    return sorted(found)
