"""A request with curl for an endpoint, made from what its OpenAPI entry says."""

import json
import re
from typing import Any
from urllib.parse import urlencode

from docs.generate.schema import Schema

_PLACE = re.compile(r"\{(\w+?)(?:_id)?\}")


def curl(method: str, path: str, said: Schema, document: Schema) -> str:
    """A command for each kind of body; `$MODEL`, `$JOB` and so on stand for ids."""
    offered = said.get("requestBody", {}).get("content", {}) or {"": {}}
    bodies = (_body(media, each, document) for media, each in offered.items())
    return "\n".join(_command(method, path, said, document, body) for body in bodies)


def _command(method: str, path: str, said: Schema, document: Schema, body: list[str]) -> str:
    parts = ["curl -sS"]
    if method != "GET":
        parts.append("-I" if method == "HEAD" else f"-X {method}")
    if said.get("security"):
        parts.append('-H "Authorization: Bearer $LATHE_KEY"')
    for each in said.get("parameters", ()):
        if each["in"] == "header" and each["required"]:
            value = example(each["schema"], document)
            parts.append(f"-H '{each['name']}: {value}'")
    parts += body
    address = "$LATHE_URL" + _PLACE.sub(lambda place: f"${place[1].upper()}", path)
    parts.append(f'"{address}{_query(said, document)}"')
    return " ".join(parts)


def _query(said: Schema, document: Schema) -> str:
    needed = {
        each["name"]: example(each["schema"], document)
        for each in said.get("parameters", ())
        if each["in"] == "query" and each["required"]
    }
    return f"?{urlencode(needed)}" if needed else ""


def _body(media: str, offered: Schema, document: Schema) -> list[str]:
    match media:
        case "":
            return []
        case "application/octet-stream":
            return ["-T file"]
        case "application/json":
            value = example(offered.get("schema", {}), document)
            return [f"--json '{json.dumps(value)}'"]
        case other:
            return [f"-H 'Content-Type: {other}' --data-binary @file"]


def example(schema: Schema, document: Schema) -> Any:
    """A value that `schema` takes: its own example, else what must be given and no more."""
    match schema:
        case {"$ref": str(place)}:
            found = document["components"]["schemas"][place.rsplit("/", 1)[-1]]
            return example(found, document)
        case {"oneOf": [choice, *_]} | {"anyOf": [choice, *_]}:
            return example(choice, document)
        case {"examples": [first, *_]} | {"const": first} | {"enum": [first, *_]}:
            return first
        case _:
            return _plain(schema, document)


def _plain(schema: Schema, document: Schema) -> Any:
    match schema.get("type"):
        case "object":
            needed = schema.get("required", ())
            return {name: example(schema["properties"][name], document) for name in needed}
        case "array":
            return [example(schema["items"], document)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
        case _:
            return str(schema.get("title", "text")).lower()
