"""Requests as the OpenAPI document describes them, and as it forbids them, with the ids of
things that are there in the places of ids that are not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import schemathesis
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.http.tus import MEDIA_TYPE
from lathe.facts import Transform
from lathe.layout import Layout
from lathe.spec import PlainText
from tests.fuzz.api.world import World

MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
WHO = ("admin",) * 8 + ("reader", "foreign", "nobody", "garbled")
MOST_WAIT_S = 1  # no worker runs, so a case that asks for a minute would get it
_HEADERS = (  # of files and feeds; HTTP's own, which the document leaves to HTTP
    {},
    {"Accept": "text/event-stream"},
    {"Range": "bytes=0-9"},
    {"Range": "bytes=-5"},
    {"Range": "bytes=99999999999-"},
    {"Range": "bytes=9-0, x"},
    {"If-None-Match": "*"},
    {"If-None-Match": 'W/"x", "'},
    {"Range": "bytes=1-", "If-Range": '"x"'},
)
_HIT = "there"
_TOLD = {"layout": TypeAdapter(Layout), "transforms": TypeAdapter(dict[PlainText, Transform])}
_JSON_QUERIES = set(_TOLD)
_SOURCES = ("https://example.org/net.onnx", "s3://bucket/key", "https://10.0.0.1/x", "file:///")
_METADATA = (
    "filename Zm9v",
    "sha256 Zm9v",
    "sha256 " + "YWFh" * 22,
    "filename",
    "a b,c d",
    ",",
)
_NAMES = {"model": "model_id", "dataset": "dataset_id", "webhook": "webhook_id"}


@schemathesis.serializer(MEDIA_TYPE)
def _bytes(_context: schemathesis.SerializationContext, value: Any) -> Any:
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


@dataclass(frozen=True)
class Drawn:
    """A case, who sends it, and what goes with it."""

    case: schemathesis.Case
    who: str
    hits: bool
    right: bool
    pick: int
    told: str
    headers: Mapping[str, str]

    @property
    def mended(self) -> bool:
        """Whether parts of it are put right."""
        return self.hits and self.right


def drawn(
    operation: schemathesis.schemas.APIOperation, mode: schemathesis.GenerationMode
) -> st.SearchStrategy[Drawn]:
    """Cases of one operation in one mode; half of them are to hit something."""
    there = {each.name: _HIT for each in operation.path_parameters}
    case = operation.as_strategy(mode)
    if there:
        case = operation.as_strategy(mode, path_parameters=there) | case
    names = {each.name for each in operation.query}
    told = [_json(adapter) for name, adapter in _TOLD.items() if name in names]
    return st.builds(
        Drawn,
        case,
        who=st.sampled_from(WHO),
        hits=st.booleans(),
        right=st.booleans() if mode is MODES[0] else st.just(value=False),
        pick=st.integers(0, 99),
        told=st.one_of(told) if told else st.just(""),
        headers=st.sampled_from(_HEADERS),
    )


def settle(given: Drawn, world: World, operation_id: str) -> dict[str, str]:
    """Put what is there and what is wholly right into half of the cases, so that the rest of
    the case is looked at; the headers that go with it."""
    case, posts = given.case, given.case.method.upper() == "POST"
    parameters = case.path_parameters or {}
    if parameters and all(value == _HIT for value in parameters.values()):
        case.path_parameters = world.path(operation_id, list(parameters))
    query = case.query or {}
    if isinstance(wait := query.get("wait"), int) and MOST_WAIT_S < wait <= 60:
        query["wait"] = MOST_WAIT_S
    if given.hits:
        if str(query.get("upload")).startswith("upl_"):
            query["upload"] = world.upload(whole=True)
        if posts:
            case.body = _with_ids(case.body, world.ids)
        if given.mended:
            _mended(given, world, operation_id, query)
    headers = {} if posts else dict(given.headers)
    match given.who:
        case "nobody":
            return headers
        case "garbled":
            return {**headers, "Authorization": "Bearer lt_\u00e9_x"}
        case who:
            return {**headers, "Authorization": f"Bearer {world.keys[who]}"}


def _mended(given: Drawn, world: World, operation_id: str, query: dict[str, Any]) -> None:
    case, body = given.case, given.case.body
    if isinstance(query.get("cursor"), str):
        query["cursor"] = world.cursor(case.formatted_path)
    for name in _JSON_QUERIES & query.keys():
        query[name] = given.told
    match operation_id:
        case "submit_job" | "validate_job":
            kept = sorted(body)[given.pick % len(body)]
            case.body = {**world.spec, kept: body[kept]}
        case "create_webhook":
            case.body = {**body, "url": "https://example.org/lathe"}
        case "upload_model" | "upload_dataset" if isinstance(body, dict):
            case.body = {**body, "source": _SOURCES[given.pick % len(_SOURCES)]}
        case "begin_upload":
            case.headers["Upload-Length"] = "8"
            case.headers["Upload-Metadata"] = _METADATA[given.pick % len(_METADATA)]
        case "send_upload":
            case.path_parameters = {"upload_id": world.upload()}
            case.headers["Upload-Offset"] = f"{given.pick % 2}"
            case.body = bytes(given.pick % 10)


def _with_ids(body: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(body, list):
        return [_with_ids(each, ids) for each in body]
    if not isinstance(body, dict):
        return body
    return {
        name: ids[_NAMES[name]]
        if name in _NAMES and isinstance(value, str)
        else _with_ids(value, ids)
        for name, value in body.items()
    }


def _json(adapter: TypeAdapter[Any]) -> st.SearchStrategy[str]:
    """JSON of a type, by way of a document of one operation."""
    schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs", {})
    content = {"application/json": {"schema": schema}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "one type", "version": "1"},
        "paths": {"/": {"post": {"requestBody": {"content": content}, "responses": {}}}},
        "components": {"schemas": parts},
    }
    operation = schemathesis.openapi.from_dict(document)["/"]["POST"]
    return (operation.as_strategy(MODES[0]) | operation.as_strategy(MODES[1])).map(
        lambda case: json.dumps(case.body, default=str)[:4000]
    )
