"""Every operation of the OpenAPI document that takes an id in its path, asked for what belongs
to another project: the answer is that of an id that was never given."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lathe import ids
from tests.services.tenants.answers import plain
from tests.services.tenants.conftest import Statements, Town
from tests.services.tenants.estate import TUS, Estate

pytestmark = pytest.mark.anyio

# whose thing a path's parameter names; a new parameter has to be put here
KIND = {
    "model_id": "model",
    "dataset_id": "dataset",
    "upload_id": "upload",
    "job_id": "job",
    "artifact_id": "artifact",
    "webhook_id": "webhook",
    "delivery_id": "delivery",
    "key_id": "key",
    "project_id": "project",
}
OF_EVERYBODY = {"download_signing_key"}  # a path whose thing belongs to the installation
PREFIX = {
    "model": "mdl",
    "dataset": "dat",
    "upload": "upl",
    "job": "job",
    "artifact": "art",
    "webhook": "whk",
    "delivery": "msg",
    "key": "key",
    "project": "prj",
}
# what a request must have beside its path to get as far as the thing
WITH: dict[str, dict[str, Any]] = {
    "upload_offset": {"headers": TUS},
    "end_upload": {"headers": TUS},
    "send_upload": {
        "headers": {
            **TUS,
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
        },
        "content": b"some bytes",
    },
    "rotate_key": {"json": {}},
    "rotate_webhook": {"json": {}},
}
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
Operation = tuple[str, str, str]  # method, template of the path, operation id


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Those that take an id in the path."""
    for template, item in document["paths"].items():
        for method in METHODS:
            if method in item and "{" in template:
                yield method, template, item[method]["operationId"]


def parameters(template: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", template)


def conditions(method: str, etags: list[str]) -> list[dict[str, str]]:
    """Headers that might tell more than the body does."""
    if method not in {"get", "head"}:
        return [{}]
    return [
        {},
        {"If-None-Match": ", ".join(etags)},
        {"If-None-Match": "*", "Accept": "text/event-stream"},
        {"Range": "bytes=999999-"},
        *({"Range": "bytes=0-1", "If-Range": etag} for etag in etags[1:]),
        {"Accept": "text/event-stream", "Last-Event-ID": "1"},
    ]


async def etags(estate: Estate) -> list[str]:
    """What the owner of a job, an artifact and a model got with them."""
    job, artifact = estate.things["job"]["finished"], estate.things["artifact"]["onnx"]
    model = estate.things["model"]["ready"]
    paths = f"jobs/{job}", f"artifacts/{artifact}/content", f"models/{model}/content"
    return [(await estate.client.get(f"/v1/{path}")).headers["etag"] for path in paths]


async def everything(estate: Estate, document: dict[str, Any]) -> dict[str, object]:
    """All that its owner can read."""
    seen: dict[str, object] = {}
    for template, item in document["paths"].items():
        if "get" not in item or template == "/metrics":
            continue
        kinds = [KIND[name] for name in parameters(template)]
        for values in itertools.product(*(estate.things[kind].values() for kind in kinds)):
            path = template.format(**dict(zip(parameters(template), values, strict=True)))
            seen[path] = plain(await estate.client.get(path))
    return seen


def test_every_parameter_of_a_path_is_known_to_belong_to_somebody(
    document: dict[str, Any],
) -> None:
    found = {name for _, template, _ in operations(document) for name in parameters(template)}
    assert found == set(KIND)
    named = {operation for _, _, operation in operations(document)}
    assert named >= {*WITH, *OF_EVERYBODY}
    bodies = {
        item[method]["operationId"]
        for template, item in document["paths"].items()
        for method in METHODS
        if method in item and "{" in template and "requestBody" in item[method]
    }
    assert bodies <= set(WITH)


async def test_an_id_of_another_project_is_answered_as_one_that_never_was(
    town: Town, document: dict[str, Any], statements: Statements
) -> None:
    await town.theirs.fill()
    mine, theirs = town.mine, town.theirs
    before = await everything(theirs, document)
    theirs_hold, asked = await etags(theirs), 0
    for method, template, operation, name, foreign in foreign_ids(document, theirs):
        own = {n: mine.one(KIND[n]) for n in parameters(template)}
        for headers in conditions(method, theirs_hold):
            told = []
            for value in (foreign, ids.new(PREFIX[KIND[name]])):
                path = template.format(**{**own, name: value})
                body = dict(WITH.get(operation, {}))
                body["headers"] = {**body.get("headers", {}), **headers}
                counted = statements.count
                answer = await mine.client.request(method, path, **body)
                told.append((plain(answer, value), statements.count - counted))
                assert answer.status_code == 404, (operation, path, answer.text)
                assert "etag" not in answer.headers, operation
            assert told[0] == told[1], (operation, name, headers)
            asked += 1
    assert asked > 250
    assert await everything(theirs, document) == before  # and nothing of it has changed


def foreign_ids(
    document: dict[str, Any], theirs: Estate
) -> Iterator[tuple[str, str, str, str, str]]:
    """Each operation with each of its parameters and each foreign thing of that kind."""
    for method, template, operation in operations(document):
        if operation in OF_EVERYBODY:
            continue
        for name in parameters(template):
            for foreign in theirs.things[KIND[name]].values():
                yield method, template, operation, name, foreign


async def test_things_of_two_projects_cannot_be_named_together(town: Town) -> None:
    """A path with two ids wants both of one project."""
    await town.theirs.fill()
    hook, message = (town.theirs.things[kind] for kind in ("webhook", "delivery"))
    path = f"/v1/webhooks/{hook['one']}/deliveries/{message['dead']}/redeliver"
    assert (await town.mine.client.post(path)).status_code == 404
    assert (await town.theirs.client.post(path)).status_code == 202
