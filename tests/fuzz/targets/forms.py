"""The form of a job on the page: what a browser sends, what its button does to the draft, what
is wrong with that, and the form drawn anew."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import atheris
from fastapi import Request
from pydantic import ValidationError

from app.http import wording
from app.page.forms import schema  # noqa: F401 - has one way through a schema: no instruments
from app.page.visitor import form
from app.submitted import SUBMITTED
from lathe.views import FieldProblem

with atheris.instrument_imports(
    include=[
        "app.page.composing",
        "app.page.forms.read",
        "app.page.forms.edit",
        "app.page.forms.draw",
    ]
):
    from app.page import composing
    from app.page.forms.draw import Field
    from app.page.forms.edit import edited

from tests.fuzz import form_edits
from tests.fuzz.script import Script
from tests.fuzz.sent import sent
from tests.fuzz.target import Target

_MODEL, _DATA = "mdl_01k3zk7ef4f2v9k6ahsrgq2w5x", "dat_01k3zk8b1nf7tad4r4ey9x0yqm"
_SHELF = composing.Shelf(((_MODEL, "net"),), ((f"{_DATA}/train", "some"),), {})
_COMMON: dict[str, Any] = {
    "model": _MODEL,
    "data": {"train": {"dataset": _DATA, "split": "train", "samples": 512}},
    "constraints": [{"metric": "size_bytes", "max": 1000}],
}
_PIPELINES: tuple[Any, ...] = (
    {"recipe": "deep-compression", "teachers": [{"model": "baseline"}]},
    [
        {"technique": "prune.channels", "keep_macs": 0.5},
        {"technique": "decompose.svd", "rank": {"by": "given", "layers": {"fc.weight": 4}}},
        {"technique": "quantize.static", "exclude": ["fc.weight"]},
    ],
    [{"technique": "train.distill", "teachers": [{}], "features": [{"layer": "a"}]}],
    [],
)
_DRAFTS: tuple[dict[str, Any], ...] = (
    *({**_COMMON, "pipeline": pipeline} for pipeline in _PIPELINES),
    {
        **_COMMON,
        "pipeline": {"recipe": "int8"},
        "task": {"kind": "classification", "also": [{"kind": "regression", "name": "b"}]},
        "labels": {"team": "camera"},
        "objective": {"minimize": "latency_ms"},
    },
    {"data": {}, "pipeline": []},
)
_WORDS = (
    "quantize.mixed", "quantize.grids", "share.weights", "analyze.sensitivity", "sgd", "energy",
    "slim-50", "regression", "packed", "accuracy", "baseline", f"{_DATA}/test", "/", "step",
    "add:data", "add:task", "add:data.train", "add:name", "add:pipeline.teachers",
    f"remove:pipeline.{'9' * 5000}",
)  # fmt: skip


def _form(draft: dict[str, Any]) -> dict[str, str]:
    """What a browser sends when it is shown this draft, and the button that checks it."""
    made = {
        "pipeline.#": "1",
        "pipeline.recipe": "",
        "do": "check",
        "technique": "prune.weights",
    }
    for field in _fields(composing.drawn(draft, [], _SHELF)):
        made |= sent(field)
    return made


def _fields(shown: dict[str, Any]) -> Iterator[Field]:
    yield from (shown["model"], shown["title"], shown["task"], shown["limits"])
    yield from (*shown["splits"], *shown["steps"], *shown["rest"])
    if shown["recipe"]:
        yield shown["recipe"]


_FORMS = [_form(draft) for draft in _DRAFTS]
_BYTES = 0x80  # of the first byte: the rest is a request's body, no script
_DRAWN = 4  # one input of so many: drawing takes longer than all the rest


def _one(data: bytes) -> None:
    mode = data[0] if data else 0
    if mode & _BYTES:
        fields = {**_FORMS[mode % len(_FORMS)], **_read(data[1:])}
    else:
        fields = form_edits.edited(_FORMS, Script(data[1:]), _WORDS)
    draft = composing.said(fields)
    button = fields.get("do", "")
    problems: Sequence[FieldProblem] = ()
    if ":" in button:
        draft = composing.pressed(draft, button)
    elif button == "step":
        draft = edited(draft, "add:pipeline", {"technique": fields.get("technique", "")})
    else:
        problems = _problems(draft)
    if sum(data) % _DRAWN == 0:
        _check(composing.drawn(draft, problems, _SHELF))


def _read(body: bytes) -> dict[str, str]:
    """The form in the body of a request, which is there already, so that nothing is awaited."""
    request = Request({"type": "http", "headers": []})
    request._body = body
    try:
        form(request).send(None)
    except StopIteration as done:
        fields: dict[str, str] = done.value
        return fields
    raise AssertionError("the reading of a form waits for something")


def _problems(draft: dict[str, Any]) -> list[FieldProblem]:
    try:
        SUBMITTED.validate_python(draft)
    except ValidationError as error:
        problems = wording.field_problems(error.errors(), draft)
        assert problems
        return problems
    return []


def _check(shown: dict[str, Any]) -> None:
    """All of it can be sent, and every field is found by its path."""
    ids, left = composing.ids(shown), list(_fields(shown))
    while left:
        field = left.pop()
        assert ids[field.name]
        "".join((field.id, field.label, field.hint, field.value, field.problem or "")).encode()
        left += field.children


def _seeds() -> Iterator[bytes]:
    for number in range(len(_FORMS)):
        yield bytes([0, number])
        yield bytes([0, number, 7, 0, 0, 0])
    for fields in (
        {"do": "add:constraints", "constraints.0.metric": "accuracy"},
        {"do": "step", "technique": "quantize.static"},
        {"do": "up:pipeline.1", "pipeline.1.technique": "optimize.graph", "labels": "{}"},
    ):
        yield bytes([_BYTES]) + urlencode(fields).encode()


TARGET = Target(
    "the form of a job on the page",
    _one,
    _seeds,
    words=(b"pipeline.", b"constraints.", b".#=1", b"%ed%a0%80", b"do=add:", b"&"),
    longest=256,
)
