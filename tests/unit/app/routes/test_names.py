"""Names show what they are: what steers or turns text is refused, wherever a name is given."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import update

from app.main import create
from app.settings import Settings
from app.store.rows import Job, Model, Project
from lathe.names import PATTERN

pytestmark = pytest.mark.anyio
UNFIT = ["\x00", "\x07", "\n", "\x1b[2J", "\x1f", "\x7f", "\x85", "\x9f"]
TURNED = ["\u202a", "\u202e", "\u2066", "\u2069"]
FIT = [
    "caf\u00e9",
    "\u6f22\u5b57",
    "\U0001f469\u200d\U0001f52c",
    "\u05e9\u05dc\u05d5\u05dd",
    "\xa0\u2065\u206a",
]
WRITTEN_ELSEWHERE = {  # text that repeats what is called so already, and so is not chosen here
    "body model",  # of a file: the names of its layers, inputs and outputs
    "of", "protect", "exclude", "layer", "teacher_layer", "layers", "inputs", "output", "given",
    # of this API: looked up, and unknown where nothing is called so
    "metric", "metrics", "minimize", "maximize", "cursor", "model", "label", "action", "target",
    "key", "Idempotency-Key", "Last-Event-ID", "If-None-Match", "Range", "If-Range",
    # addresses, digests, and JSON with rules of its own
    "source", "url", "transforms", "layout", "X-Content-SHA256", "Repr-Digest",
    "Upload-Metadata", "Tus-Resumable",
}  # fmt: skip


def document() -> dict[str, Any]:
    made: dict[str, Any] = create(Settings()).openapi()
    return made


def texts(
    schema: Mapping[str, Any], parts: Mapping[str, Any], at: str, seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, str | None]]:
    """Every text that people may choose in a schema: where it stands, and its pattern."""
    if (to := schema.get("$ref", "").rpartition("/")[2]) and to not in seen:
        yield from texts(parts[to], parts, at, (*seen, to))
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from texts(each, parts, at, seen)
    for name, each in schema.get("properties", {}).items():
        yield from texts(each, parts, f"{at}.{name}" if at else name, seen)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from texts(schema[inner], parts, at, seen)
    for each in (*schema.get("prefixItems", ()), *schema.get("patternProperties", {}).values()):
        yield from texts(each, parts, at, seen)
    closed = schema.keys() & {"enum", "const", "format"}
    if schema.get("type") == "string" and not closed:
        yield at, schema.get("pattern")


def places() -> Iterator[tuple[str, str, str | None]]:
    """Every such text of a request, by operation: a parameter's, or one in the body."""
    whole = document()
    parts = whole["components"]["schemas"]
    for path in whole["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            for each in operation.get("parameters", ()):
                if each["in"] != "path":
                    for at, pattern in texts(each["schema"], parts, each["name"]):
                        yield name, at, pattern
            content = operation.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema", {})
            for at, pattern in texts(body, parts, ""):
                yield name, f"body {at}", pattern


NAMES = {(name, at) for name, at, pattern in places() if pattern == PATTERN}


SPEC = {"pipeline": "int8"}
HOOK = {"url": "https://h.example/"}
SOURCE = {"source": "https://h.example/net.onnx"}
BODIES: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("create_project", "name"): ("projects", {}),
    ("create_key", "name"): ("keys", {}),
    ("create_webhook", "name"): ("webhooks", HOOK),
    ("submit_job", "name"): ("jobs", SPEC),
    ("submit_job", "labels"): ("jobs", SPEC),
    ("validate_job", "name"): ("jobs:validate", SPEC),
    ("validate_job", "labels"): ("jobs:validate", SPEC),
    ("upload_model", "name"): ("models", SOURCE),
    ("upload_dataset", "name"): ("datasets", SOURCE),
}


async def asked(world: Any, operation: str, at: str, name: str) -> Any:
    """The operation, with `name` at that place."""
    field = at.removeprefix("body ")
    route, body = BODIES[operation, field]
    if field == at:
        return await world.client.post(f"/v1/{route}", params={at: name}, content=b"x")
    model = {"model": await world.model()} if body is SPEC else {}
    given = {"labels": {"Team-a": name}} if field == "labels" else {field: name}
    return await world.client.post(f"/v1/{route}", json=body | model | given)


def test_every_text_that_people_choose_is_a_name_or_repeats_one() -> None:
    free = {at for _, at, pattern in places() if pattern is None}
    last = {at.removeprefix("body ").rpartition(".")[2] for at in free}
    assert last <= WRITTEN_ELSEWHERE, "a new text: give it lathe.names.Name, or say why not"
    assert {operation for operation, _ in NAMES} == {
        *("create_project", "create_key", "create_webhook", "submit_job", "validate_job"),
        *("upload_model", "upload_dataset"),
    }
    assert len(NAMES) == 11


@pytest.mark.parametrize(("operation", "at"), sorted(NAMES))
async def test_what_steers_or_turns_text_is_refused_by_its_place(
    world: Any, operation: str, at: str
) -> None:
    field = at.removeprefix("body ")
    for unfit in (*UNFIT, *TURNED):
        answer = await asked(world, operation, at, f"a{unfit}b")
        body = answer.json()
        if operation == "validate_job":
            (told,) = body["problems"]
        else:
            assert answer.status_code in {400, 422}, (unfit, answer.text)
            told = body
        if "in the address" in told["detail"]:  # %00, which no address may hold
            continue
        if "NUL" in told["detail"]:  # which no spec may hold, at rest neither
            assert told["param"] == field
            continue
        assert told["param"] == (field if field != "labels" else "labels.Team-a")
        assert f"U+{ord(unfit[0]):04X}" in told["detail"], told


@pytest.mark.parametrize(("operation", "at"), sorted(NAMES))
async def test_letters_of_every_script_are_fine(world: Any, operation: str, at: str) -> None:
    for fit in FIT:
        answer = await asked(world, operation, at, fit)
        assert answer.status_code < 300, answer.text
        assert answer.json().get("problems", []) == []


async def test_half_of_a_character_is_no_json(world: Any) -> None:
    for body in (rb'{"name": "a\ud83d"}', rb'{"\uDC00": 1}', rb'{"name": "\ude00\ud83d"}'):
        for route in ("keys", "jobs", "jobs:validate", "models"):
            headers = {"Content-Type": "application/json"}
            answer = await world.client.post(f"/v1/{route}", content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
            assert "half of a character, U+D" in answer.json()["detail"]
    whole = await world.client.post(
        "/v1/keys", content=rb'{"name": "\ud83d\ude00"}', headers=headers
    )
    assert whole.json()["name"] == "\U0001f600"


async def test_the_name_of_a_file_is_looked_at_before_a_byte_is_sent(world: Any) -> None:
    for name, status in (("a\u202eb", 400), ("a\nb", 400), ("net.onnx", 201)):
        told = base64.b64encode(name.encode()).decode()
        answer = await world.client.post(
            "/v1/uploads",
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Length": "9",
                "Upload-Metadata": f"filename {told}",
            },
        )
        assert answer.status_code == status, answer.text
        if status == 400:
            assert answer.json()["param"] == "filename"
            assert "in this name; leave it out" in answer.json()["detail"]


async def test_a_source_whose_file_has_no_fit_name_is_to_be_given_one(world: Any) -> None:
    body = {"source": "https://h.example/net\u202eonnx"}
    refused = await world.client.post("/v1/models", json=body)
    assert (refused.status_code, refused.json()["param"]) == (400, "name"), refused.text
    assert "tell a name" in refused.json()["detail"]
    named = await world.client.post("/v1/models", json=body | {"name": "net"})
    assert (named.status_code, named.json()["name"]) == (201, "net")


async def test_names_from_before_stay_readable_and_their_jobs_can_be_done_again(
    world: Any,
) -> None:
    odd = "a\x07\u202eb"
    spec = {"model": await world.model(), "pipeline": "int8", "labels": {"team": "x"}}
    job = (await world.client.post("/v1/jobs", json=spec)).json()
    async with world.parts.writing() as session:
        kept = job["spec"] | {"name": odd, "labels": {"team": odd}}
        values = {"name": odd, "labels": {"team": odd}, "spec": kept}
        await session.execute(update(Job).values(**values))
        await session.execute(update(Model).values(name=odd))
        await session.execute(update(Project).values(name=Project.id + odd))
    for path in (f"jobs/{job['id']}", "jobs", f"models/{spec['model']}", "models", "projects"):
        answer = await world.client.get(f"/v1/{path}")
        assert answer.status_code == 200, path
        assert "a\\u0007\u202eb" in answer.text, path
    assert (await world.client.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 200
    again = await world.client.post(f"/v1/jobs/{job['id']}/retry")
    assert (again.status_code, again.json()["name"]) == (202, odd), again.text
