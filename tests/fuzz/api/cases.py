"""Requests as the OpenAPI document describes them, and as it forbids them, with the ids of
things that are there in the places of ids that are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import schemathesis
from hypothesis import strategies as st

from app.http.tus import MEDIA_TYPE
from tests.fuzz.api.world import World

MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
WHO = ("admin",) * 8 + ("reader", "foreign", "nobody")
MOST_WAIT_S = 1  # no worker runs, so a case that asks for a minute would get it
_HEADERS = (  # of files and feeds; HTTP's own, which the document leaves to HTTP
    {},
    {"Range": "bytes=0-9"},
    {"Range": "bytes=-5"},
    {"Range": "bytes=99999999999-"},
    {"Range": "bytes=9-0, x"},
    {"If-None-Match": "*"},
    {"If-None-Match": 'W/"x", "'},
    {"Range": "bytes=1-", "If-Range": '"x"'},
)
_HIT = "there"
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
    headers: Mapping[str, str]


def drawn(
    operation: schemathesis.schemas.APIOperation, mode: schemathesis.GenerationMode
) -> st.SearchStrategy[Drawn]:
    """Cases of one operation in one mode; half of them are to hit something."""
    there = {each.name: _HIT for each in operation.path_parameters}
    case = operation.as_strategy(mode)
    if there:
        case = operation.as_strategy(mode, path_parameters=there) | case
    return st.builds(
        Drawn, case, st.sampled_from(WHO), st.booleans(), st.sampled_from(_HEADERS)
    )


def settle(given: Drawn, world: World, operation_id: str) -> dict[str, str]:
    """Put ids of things that are there into the case; the headers that go with it."""
    case, who = given.case, given.who
    parameters = case.path_parameters or {}
    if parameters and all(value == _HIT for value in parameters.values()):
        case.path_parameters = world.path(operation_id, list(parameters))
    query = case.query or {}
    wait = query.get("wait")
    if isinstance(wait, int) and MOST_WAIT_S < wait <= 60:
        query["wait"] = MOST_WAIT_S
    if given.hits and case.method.upper() == "POST":
        if "upload" in query and str(query["upload"]).startswith("upl_"):
            query["upload"] = world.upload(whole=True)
        case.body = _with_ids(case.body, world.ids)
    headers = {} if case.method.upper() == "POST" else dict(given.headers)
    if who == "nobody" or case.operation.schema.is_security_param_negated(case):
        return headers
    return {**headers, "Authorization": f"Bearer {world.keys[who]}"}


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
