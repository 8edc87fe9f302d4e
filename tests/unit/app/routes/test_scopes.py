"""Which scope each operation of the OpenAPI document wants: every one is asked without a key
and with keys of each scope, so that none can want less than it did without a word here."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

# what reads wants a key that reads, all else one that writes; what does not is named here
WITHOUT_KEY = {"healthz", "readyz", "metrics", "describe_uploads"}
READS_BY_POST = {"validate_job"}
FOR_ADMINS = {
    *("create_project", "list_projects", "delete_project"),
    *("create_key", "list_keys", "rotate_key", "revoke_key"),
    *("list_audit", "list_workers"),
}
SCOPES = ["read", "write", "admin"]  # each gives those before it, too
CODES = {401: "unauthenticated", 403: "forbidden"}
TUS = {"Tus-Resumable": "1.0.0"}  # asked for before the key is


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Method, a path that leads to nothing that is there, and the operation's name."""
    for template, item in document["paths"].items():
        for method, operation in item.items():
            yield method, re.sub(r"\{\w+\}", "absent", template), operation["operationId"]


def wanted(method: str, name: str) -> str | None:
    """The scope that the operation is to want."""
    if name in WITHOUT_KEY:
        return None
    if name in FOR_ADMINS:
        return "admin"
    return "read" if method in {"get", "head"} or name in READS_BY_POST else "write"


async def holder(world: Any, scope: str | None) -> httpx.AsyncClient:
    """A client whose key has that scope alone, or who has no key."""
    if scope is None:
        client: httpx.AsyncClient = await world.as_key("")
        del client.headers["Authorization"]
        return client
    made = await world.client.post("/v1/keys", json={"name": "k", "scopes": [scope]})
    with_key: httpx.AsyncClient = await world.as_key(made.json()["key"])
    return with_key


async def refusals(client: httpx.AsyncClient, document: dict[str, Any]) -> dict[str, int]:
    """Which operations are refused to this client, and with which status."""
    told = {}
    for method, path, name in operations(document):
        answer = await client.request(method, path, headers=TUS)
        if method == "get":  # a HEAD that only repeats its GET stands in no document
            head = await client.head(path, headers=TUS)
            assert head.status_code in {answer.status_code, 405}, name
        if answer.status_code in CODES:
            told[name] = answer.status_code
            if method != "head":  # its answer has no body
                assert answer.json()["code"] == CODES[answer.status_code]
        else:
            assert answer.status_code < 500 or name == "readyz", (name, answer.text)
    return told


def test_what_is_named_here_is_in_the_document(document: dict[str, Any]) -> None:
    named = [name for _, _, name in operations(document)]
    assert len(named) > 45
    assert {*WITHOUT_KEY, *READS_BY_POST, *FOR_ADMINS} <= set(named)


@pytest.mark.parametrize("scope", [None, *SCOPES])
async def test_every_operation_is_refused_to_who_lacks_its_scope_and_to_nobody_else(
    world: Any, document: dict[str, Any], scope: str | None
) -> None:
    expected = {}
    for method, _, name in operations(document):
        needs = wanted(method, name)
        if needs is not None and scope is None:
            expected[name] = 401
        elif needs is not None and SCOPES.index(str(scope)) < SCOPES.index(needs):
            expected[name] = 403
    assert await refusals(await holder(world, scope), document) == expected
