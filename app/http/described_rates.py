"""The headers about rates, in the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

_HEADERS = {
    "RateLimit-Policy": {
        "description": "The limit that the request was counted to, reads or writes of the "
        "project: `q` requests within `w` seconds.",
        "schema": {"type": "string", "examples": ['"reads";q=60000;w=60']},
    },
    "RateLimit": {
        "description": "`r` requests are left of it; where it is 0, more in `t` seconds.",
        "schema": {"type": "string", "examples": ['"reads";r=59988']},
    },
}


def describe_rates(document: dict[str, Any]) -> None:
    """Add them to every answer of the operations that want a key."""
    document["components"]["headers"] = _HEADERS
    for response in _limited(document):
        for name in _HEADERS:
            told = response.setdefault("headers", {})
            told[name] = {"$ref": f"#/components/headers/{name}"}


def _limited(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            if "security" in operation:
                yield from (
                    told for code, told in operation["responses"].items() if code != "401"
                )
