"""What a query, a header or a body may name: a thing of another project counts as one that was
never there, and what another project has sent before is news."""

import base64
import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from lathe import ids
from tests.services.tenants.answers import plain
from tests.services.tenants.conftest import Statements, Town
from tests.services.tenants.estate import CONTENT, PIPELINE, TUS
from tests.services.tenants.test_paths import PREFIX

pytestmark = pytest.mark.anyio

# every parameter that is not in a path is one of these; a new one has to be put here
NAMES_A_THING = {
    ("upload_model", "upload"),
    ("upload_dataset", "upload"),
    ("list_jobs", "model"),
    ("list_measurements", "model"),
    ("list_audit", "target"),
    ("list_audit", "key"),
}
NAMES_CONTENT = {"X-Content-SHA256", "Repr-Digest", "Upload-Metadata", "Idempotency-Key"}
NAMES_A_PLACE = {"cursor"}  # in a list
NAMES_NOTHING = {
    *("wait", "name", "transforms", "layout", "limit", "state", "kind", "label", "metric"),
    *("after", "Last-Event-ID", "Tus-Resumable", "Upload-Length", "Upload-Offset"),
    *("action", "since", "until", "cancel_jobs"),
}


def _set(*path: str | int) -> Callable[[dict[str, Any], str], None]:
    def put(spec: dict[str, Any], value: str) -> None:
        here: Any = spec
        for each in path[:-1]:
            here = here[each]
        here[path[-1]] = value

    return put


def _set_split(name: str) -> Callable[[dict[str, Any], str], None]:
    def put(spec: dict[str, Any], value: str) -> None:
        spec["data"][name] = {"dataset": value, "split": "train"}

    return put


_RETRAINED = {"technique": "prune.channels", "sparsity": 0.5}
_TEACHER = {"teachers": [{"model": ""}]}
_LESSON = {"technique": "train.distill", "epochs": 1}
# where a job's spec names things: the kind, what is to be there beside it, and where it goes
IN_A_SPEC: dict[tuple[str, ...], tuple[str, dict[str, Any], Callable[[Any, str], None]]] = {
    ("model",): ("mdl", {}, _set("model")),
    ("baseline",): ("mdl", {}, _set("baseline")),
    ("webhook",): ("whk", {}, _set("webhook")),
    **{
        ("data", split, "dataset"): ("dat", {}, _set_split(split))
        for split in ("calibration", "train", "evaluation")
    },
    ("pipeline", "teachers", "model"): (
        "mdl",
        {"pipeline": [_LESSON | _TEACHER]},
        _set("pipeline", 0, "teachers", 0, "model"),
    ),
    ("pipeline", "student"): (
        "mdl",
        {"pipeline": [_LESSON]},
        _set("pipeline", 0, "student"),
    ),
    ("pipeline", "recover", "teachers", "model"): (
        "mdl",
        {"pipeline": [_RETRAINED | {"recover": _LESSON | _TEACHER}]},
        _set("pipeline", 0, "recover", "teachers", 0, "model"),
    ),
    ("pipeline", "recover", "student"): (
        "mdl",
        {"pipeline": [_RETRAINED | {"recover": _LESSON}]},
        _set("pipeline", 0, "recover", "student"),
    ),
}
KINDS = {"mdl": "model", "dat": "dataset", "whk": "webhook"}
ID_PATTERN = "[0-7][0-9a-hjkmnp-tv-z]{25}"  # as every id of the document has it


def named_in_bodies(document: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """The operation and the path of every field of a body that holds an id."""
    schemas = document["components"]["schemas"]

    def below(node: Any, path: tuple[str, ...], seen: frozenset[str]) -> Iterator[Any]:
        if isinstance(node, list):
            for each in node:
                yield from below(each, path, seen)
        if not isinstance(node, dict):
            return
        if (reference := node.get("$ref")) is not None:
            if reference not in seen:
                name = reference.rpartition("/")[2]
                yield from below(schemas[name], path, seen | {reference})
            return
        if ID_PATTERN in node.get("pattern", ""):
            yield path
        for name, each in node.get("properties", {}).items():
            yield from below(each, (*path, name), seen)
        for key in ("items", "anyOf", "oneOf", "allOf", "additionalProperties", "prefixItems"):
            yield from below(node.get(key), path, seen)

    return {
        (operation["operationId"], *path)
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for path in below(content["schema"], (), frozenset())
    }


def test_every_parameter_and_every_field_with_an_id_is_tried_here(
    document: dict[str, Any],
) -> None:
    parameters = {
        (operation["operationId"], each["name"])
        for item in document["paths"].values()
        for operation in item.values()
        for each in operation.get("parameters", [])
        if each["in"] != "path"
    }
    others = NAMES_CONTENT | NAMES_A_PLACE | NAMES_NOTHING
    unknown = {each for each in parameters if each[1] not in others}
    assert unknown == NAMES_A_THING
    fields = {(operation, *path) for operation in ("validate_job", "submit_job")
              for path in IN_A_SPEC}  # fmt: skip
    assert named_in_bodies(document) == fields


def whole(town: Town) -> dict[str, Any]:
    """A spec that lacks nothing for a training."""
    split = {"dataset": town.mine.one("dataset"), "split": "train"}
    return {
        "model": town.mine.one("model"),
        "data": {"train": split, "evaluation": split},
        "task": {"kind": "classification"},
        "pipeline": PIPELINE,
    }


async def test_a_spec_that_names_anothers_things_is_refused_as_one_that_names_nothing(
    town: Town, statements: Statements
) -> None:
    await town.theirs.fill()
    client = town.mine.client
    for path, (prefix, beside, put) in IN_A_SPEC.items():
        for foreign in town.theirs.things[KINDS[prefix]].values():
            for route in ("/v1/jobs:validate", "/v1/jobs"):
                told = []
                for value in (foreign, ids.new(prefix)):
                    spec = copy.deepcopy(whole(town) | beside)
                    put(spec, value)
                    counted = statements.count
                    answer = await client.post(route, json=spec)
                    told.append((plain(answer, value), statements.count - counted))
                    assert "there is no such" in answer.text, (path, answer.text)
                assert told[0] == told[1], path


async def test_a_parameter_that_names_anothers_thing_finds_nothing(
    town: Town, statements: Statements
) -> None:
    await town.theirs.fill()
    theirs, client = town.theirs.things, town.mine.client
    asked = [
        ("POST", f"/v1/{table}?upload={{}}", "upl", each)
        for table in ("models", "datasets")
        for each in theirs["upload"].values()
    ]
    asked += [
        ("GET", f"/v1/{table}?model={{}}", "mdl", each)
        for table in ("jobs", "measurements")
        for each in theirs["model"].values()
    ]
    asked += [
        ("GET", f"/v1/audit?{name}={{}}", PREFIX[kind], each)
        for name, kinds in (("target", theirs), ("key", ["key"]))
        for kind in kinds
        for each in theirs[kind].values()
    ]
    for method, path, prefix, foreign in asked:
        told = []
        for value in (foreign, ids.new(prefix)):
            counted = statements.count
            answer = await client.request(method, path.format(value))
            told.append((plain(answer, value), statements.count - counted))
            empty = answer.status_code == 200 and answer.json()["items"] == []
            assert answer.status_code == 404 or empty, path
        assert told[0] == told[1], path


async def test_a_key_for_sending_once_is_of_its_own_project(town: Town) -> None:
    await town.theirs.fill()
    body = {"model": town.mine.one("model"), "pipeline": PIPELINE}
    for key in ("once", "never"):  # both projects sent a job with the first
        headers = {"Idempotency-Key": key}
        answer = await town.mine.client.post("/v1/jobs", json=body | {"name": "another"},
                                             headers=headers)  # fmt: skip
        assert answer.status_code == (422 if key == "once" else 202)  # mine was another spec
    alone = await town.theirs.client.post(
        "/v1/jobs",
        json={"model": town.theirs.one("model"), "pipeline": PIPELINE},
        headers={"Idempotency-Key": "never"},
    )
    assert alone.status_code == 202
    assert "idempotency-replayed" not in alone.headers


async def test_bytes_that_another_project_has_are_as_new_as_any_others(
    town: Town, statements: Statements
) -> None:
    """Neither an answer nor the work behind it tells that the content was there."""
    theirs = b"what they alone have sent"
    others = b"what nobody has ever sent"
    sent = await town.theirs.client.post("/v1/models", content=theirs)
    assert sent.status_code == 201
    told: dict[str, list[Any]] = {"models": [], "datasets": [], "uploads": []}
    for content in (theirs, others):
        digest = hashlib.sha256(content)
        promised = {
            "X-Content-SHA256": digest.hexdigest(),
            "Repr-Digest": f"sha-256=:{base64.b64encode(digest.digest()).decode()}:",
        }
        for table in ("models", "datasets"):
            counted = statements.count
            made = await town.mine.client.post(
                f"/v1/{table}", content=content, headers=promised
            )
            assert made.status_code == 201, made.text
            seen = {name for name, value in made.json().items() if value is not None}
            told[table].append((seen, set(made.headers), statements.count - counted))
        counted = statements.count
        told["uploads"].append((await _in_pieces(town, content), statements.count - counted))
    assert all(first == second for first, second in told.values())
    assert CONTENT not in (theirs, others)


async def _in_pieces(town: Town, content: bytes) -> tuple[int, dict[str, str], str]:
    """What the last piece of a resumable upload is answered, which may not come sooner."""
    told = base64.b64encode(hashlib.sha256(content).hexdigest().encode()).decode()
    begun = await town.mine.client.post(
        "/v1/uploads",
        headers={
            **TUS,
            "Upload-Length": str(len(content)),
            "Upload-Metadata": f"sha256 {told}",
        },
    )
    assert begun.status_code == 201
    assert begun.json()["offset_bytes"] == 0  # nothing is there already
    sent = await town.mine.client.patch(
        begun.headers["Location"],
        content=content,
        headers={
            **TUS,
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
        },
    )
    status, headers, body = plain(sent)
    headers.pop("upload-expires")
    return status, headers, body
