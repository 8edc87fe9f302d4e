"""The fields of a spec as a table: types, defaults, bounds and descriptions of its schema."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.prose import escaped

Schema = Mapping[str, Any]

TAGS = ("technique", "kind", "by", "per", "method", "to")
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minItems": "{} or more",
    "maxItems": "up to {}",
}
_PLAIN = {"integer": "whole number", "number": "number", "boolean": "true or false"}


def table(spec: type[BaseModel], *, leave_out: tuple[str, ...] = ()) -> str:
    """One row a field of `spec`, in its order."""
    schema = spec.model_json_schema()
    rows = [
        f"| `{name}` | {kind(schema['properties'][name])} | {_default(field)} | "
        f"{_cell(description(spec, name))} |"
        for name, field in spec.model_fields.items()
        if name not in leave_out
    ]
    if not rows:
        return ""
    return "\n".join(["| field | takes | default | what it is |", "|---|---|---|---|", *rows])


def description(spec: type[BaseModel], name: str) -> str:
    """What the field is, in the words of the nearest class that says so; empty where none
    does."""
    if name in TAGS:
        return "Which of its kind this is."
    classes = (c for c in spec.__mro__ if issubclass(c, BaseModel) and name in c.model_fields)
    return next((told for c in classes if (told := c.model_fields[name].description)), "")


def kind(schema: Schema) -> str:
    """What a value may be, in words, with its bounds."""
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        words = [kind(each) for each in choices if each.get("type") != "null"]
        optional = "; or null" if len(words) < len(choices) else ""
        return ", ".join(dict.fromkeys(words)) + optional
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](values.md#{name.lower()})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "prefixItems" in schema:
        return "pair of: " + "; ".join(
            dict.fromkeys(kind(each) for each in schema["prefixItems"])
        )
    bounds = [
        text.format(f"{schema[key]:,}".removesuffix(".0"))
        for key, text in _BOUNDS.items()
        if key in schema
    ]
    return ", ".join([_noun(schema), *bounds])


def _noun(schema: Schema) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {kind(schema.get('items', {}))}"
        case "object":
            return f"by name: {kind(schema.get('additionalProperties', {}))}"
        case "string":
            return "text"
        case other:
            return _PLAIN.get(str(other), str(other))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    return f"`{json.dumps(shown(field.get_default(call_default_factory=True)))}`"


def shown(value: Any) -> Any:
    """As a request would say it: a value inside with its tag and what differs from usual."""
    if isinstance(value, BaseModel):
        tags = {name: getattr(value, name) for name in TAGS if hasattr(value, name)}
        return tags | value.model_dump(mode="json", exclude_defaults=bool(tags))
    if isinstance(value, tuple):
        return [shown(each) for each in value]
    return value


def _cell(text: str) -> str:
    """One line, and no bar that would end the cell."""
    return escaped(" ".join(text.split())).replace("|", "\\|")
