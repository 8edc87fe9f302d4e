"""http.md: every endpoint, from the routes and the OpenAPI document that they make."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from app.auth import SCOPED
from app.main import create
from app.settings import Settings
from docs.generate.prose import markdown
from docs.generate.reference import artifacts, job
from docs.generate.reference.example import curl
from docs.generate.reference.outputs import OUTPUTS
from docs.generate.schema import Schema, cell, fields, kind, reached, refs, row
from lathe.errors import family

INTRODUCTION = (
    "`/openapi.json` says the same to machines. `Authorization: Bearer lt_...` holds the key. "
    "Lists come in pages, newest first: pass `next_cursor` as `cursor` until it is null. Ids "
    "are seen by keys of their own project only. Every answer has an `X-Request-ID`, which is "
    "in the log too; one to a key also has `RateLimit-Policy` and `RateLimit`, which say how "
    "many requests the project may send and has left "
    "([Quotas](../operations/quotas.md#rates)). In the examples `$LATHE_URL` is the "
    "address, such as `http://127.0.0.1:8000`, and `$LATHE_KEY` the key."
)
EVERYWHERE = ("malformed", "unauthenticated", "invalid_request", "unavailable")
_CODE = re.compile(r"\(`(\w+)`\)")
_PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Endpoint:
    """One method of one path that programs may ask for."""

    method: str
    path: str
    route: APIRoute

    @property
    def tag(self) -> str:
        """The heading it stands below."""
        return str(self.route.tags[0]) if self.route.tags else "others"


def page() -> str:
    """Markdown of every endpoint, then of the bodies that they take and answer."""
    app = application()
    document = app.openapi()
    parts = ["# HTTP", INTRODUCTION, _everywhere()]
    listed = endpoints(app)
    for tag in dict.fromkeys(one.tag for one in listed):
        parts.append(f"## {tag.capitalize()}")
        for one in listed:
            if one.tag == tag:
                parts += _endpoint(one, document)
    return "\n\n".join([*(part for part in parts if part), *_bodies(document)]) + "\n"


def application() -> FastAPI:
    """The service as it would start; nothing is opened before it does."""
    return create(Settings(database_url="sqlite:///docs.db"))


def endpoints(app: FastAPI) -> list[Endpoint]:
    """All of them in their order; the page for people is none, nor is a HEAD that only
    repeats its GET."""
    found = [
        Endpoint(method, str(context.path), context.original_route)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and not _for_people(context)
        for method in sorted(context.methods or ())
    ]
    reads = {one.path for one in found if one.method == "GET"}
    return [
        one
        for one in found
        if one.method != "HEAD" or one.path not in reads or one.route.include_in_schema
    ]


def _for_people(context: RouteContext) -> bool:
    return str(getattr(context.endpoint, "__module__", "")).startswith("app.page")


def _everywhere() -> str:
    links = ", ".join(f"[`{code}`](errors.md#{code})" for code in EVERYWHERE)
    return (
        "What is not a result is a [Problem](#problem). Beside the errors listed below, every "
        f"endpoint that wants a key may answer {links}, and "
        "[`forbidden`](errors.md#forbidden) where the key lacks the scope; any may answer "
        "[`internal`](errors.md#internal)."
    )


def _endpoint(one: Endpoint, document: Schema) -> Iterator[str]:
    yield f"### {one.method} {one.path}"
    yield markdown(cleandoc(one.route.endpoint.__doc__ or ""))
    scope = _scope(one.route)
    yield f"Wants a key with the scope `{scope}`." if scope else "Wants no key."
    said = document["paths"].get(one.path, {}).get(one.method.lower())
    if said is not None:  # what a protocol of its own answers may stand in no document
        yield _parameters(said)
        yield _body(said)
        yield _answers(said)
        yield f"```sh\n{curl(one.method, one.path, said, document)}\n```"


def _scope(route: APIRoute) -> str | None:
    asked = [each.call for each in route.dependant.dependencies]
    return next((scope for call, scope in SCOPED.items() if call in asked), None)


def _parameters(said: Schema) -> str:
    lines = [
        row(["parameter", "in", "takes", "default", "what it is"]),
        "|---|---|---|---|---|",
    ]
    for each in said.get("parameters", ()):
        schema = each["schema"]
        default = f"`{schema['default']}`" if schema.get("default") not in (None, "") else ""
        given = "must be given" if each["required"] else default
        told = each.get("description") or ""
        takes = kind(schema, link).removesuffix("; or null")
        lines.append(row([f"`{each['name']}`", each["in"], takes, given, cell(told)]))
    return "\n".join(lines) if said.get("parameters") else ""


def _body(said: Schema) -> str:
    offered = said.get("requestBody", {}).get("content", {})
    if not offered:
        return ""
    return "Body: " + ", or ".join(
        f"{kind(each.get('schema', {}), link)} as `{media}`" for media, each in offered.items()
    )


def _answers(said: Schema) -> str:
    lines, codes = [], []
    for status, answer in said["responses"].items():
        content: dict[str, Any] = answer.get("content", {})
        if _PROBLEM in content:
            codes += [c for c in _CODE.findall(answer["description"]) if c not in EVERYWHERE]
            continue
        what = ", or ".join(
            f"{kind(each.get('schema', {}), link)} as `{media}`"
            if each.get("schema")
            else f"`{media}`"
            for media, each in content.items()
        )
        told = answer["description"]
        told = "" if told == "Successful Response" else f" {told}."
        number = f"{status} {HTTPStatus(int(status)).phrase}"
        lines.append(f"- {number}{f': {what}' if what else ''}.{cell(told)}")
    known = [error.code for error in family()]
    if codes:
        ordered = sorted(set(codes), key=known.index)
        lines.append("- Errors: " + ", ".join(f"[`{c}`](errors.md#{c})" for c in ordered) + ".")
    return "Answers:\n\n" + "\n".join(lines)


def _bodies(document: Schema) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    yield "## Bodies"
    for name in reached(refs(document["paths"]), schemas):
        if not link(name).startswith("#"):
            continue
        said = schemas[name]
        yield f"### {name}"
        if told := cleandoc(said.get("description", "")):
            yield markdown(told)
        if "enum" in said:
            yield kind(said, link)
        if table := fields(said, link, given=name.startswith("New") and "View" not in name):
            yield table


def link(name: str) -> str:
    """Where a schema is described."""
    return _elsewhere().get(name, f"#{name.lower()}")


@cache
def _elsewhere() -> dict[str, str]:
    """What other pages describe, by name."""
    in_report = {name: f"artifacts.md#{name.lower()}" for name in artifacts.sections()}
    in_job = {name: f"job.md#{name.lower()}" for name in job.sections()}
    names = ("technique", "recipe", *(each.__name__ for each in OUTPUTS))
    outputs = {name: job.link(name) for name in names}
    tops = {"JobSpec": "job.md", "Report": "artifacts.md#the-report"}
    return in_report | in_job | outputs | tops
