"""From the fields of a form to JSON."""

from typing import Any

import pytest

from app.page.forms.read import indices, number, read
from app.page.forms.schema import MISSING
from lathe.errors import Malformed

NUMBER = {"type": "number", "default": 0.5}
MAYBE = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
MAYBE_THREE = {**MAYBE, "default": 3}
PART = {
    "type": "object",
    "properties": {"on": {"type": "boolean", "default": True}, "rate": NUMBER},
}
OPTIONAL = {"anyOf": [PART, {"type": "null"}], "default": None}
LIST = {"type": "array", "items": PART, "maxItems": 2}
ANY = {"type": "object", "additionalProperties": True}


@pytest.mark.parametrize(
    ("node", "form", "said"),
    [
        (NUMBER, {}, MISSING),
        (NUMBER, {"a": " 0,25 "}, 0.25),
        (NUMBER, {"a": "half"}, "half"),
        (NUMBER, {"a": ""}, MISSING),
        (MAYBE, {"a": ""}, MISSING),
        (MAYBE_THREE, {"a": ""}, None),
        (PART, {}, MISSING),
        (PART, {"a.on": "0"}, {"on": False}),
        (OPTIONAL, {"a?": "0", "a.rate": "2"}, None),
        (OPTIONAL, {"a?": "1", "a.rate": "2", "a.on": "1"}, {"rate": 2, "on": True}),
        (LIST, {}, MISSING),
        (LIST, {"a.#": "1"}, []),
        (LIST, {"a.#": "1", "a.10.rate": "2", "a.9.rate": "1"}, [{"rate": 1}, {"rate": 2}]),
        ({"type": "array", "items": {"type": "integer"}}, {"a": "2, 4 8"}, [2, 4, 8]),
        ({"type": "array", "items": {"type": "string"}}, {"a": "x y\r\n\r\nz"}, ["x y", "z"]),
        (ANY, {"a": '{"b": [[1]]}'}, {"b": [[1]]}),
        ({"enum": [2, 4], "type": "integer"}, {"a": "4"}, 4),
    ],
)
def test_fields_say(node: Any, form: dict[str, str], said: Any) -> None:
    assert read(node, {}, "a", form) == said


@pytest.mark.parametrize(
    "text",
    ["{b", "[" * 100_000, "[" * 9 + "]" * 9, '{"b": 1, "b": 2}', '"\\ud800"'],
    ids=["cut", "endless", "deep", "twice", "half"],
)
def test_what_the_api_would_not_take_for_json_stays_text(text: str) -> None:
    assert read(ANY, {}, "a", {"a": text}) == text


def test_a_list_is_shown_beyond_its_bound_but_not_without_end() -> None:
    def form(items: int) -> dict[str, str]:
        return {"a.#": "1"} | {f"a.{n}.rate": "1" for n in range(items)}

    assert len(read(LIST, {}, "a", form(18))) == 18
    with pytest.raises(Malformed, match="19 items at a; send at most 18"):
        read(LIST, {}, "a", form(19))


def test_numbers_are_whole_where_they_are_written_so() -> None:
    assert [number(text) for text in ("12", "1e-3", "0,5", "x")] == [12, 0.001, 0.5, "x"]
    assert isinstance(number("12"), int)


def test_items_are_found_by_position_and_not_by_a_longer_name() -> None:
    form = {"a.2.x": "", "a.0?": "", "ab.1.x": "", "a.b.3.x": "", "a.11": ""}
    assert indices("a", form) == [0, 2, 11]
