"""JSON in which a name stands twice."""

import json
from typing import Any

import pytest

from app.http.strict import parsed

TWICE = [b'{"a": 1, "a": 1}', b'[{"b": {"a": 1, "c": 2, "a": 3}}]', b'{"\\u0061": 1, "a": 2}']


@pytest.mark.parametrize("text", TWICE)
def test_a_name_that_stands_twice_is_no_json(text: bytes) -> None:
    with pytest.raises(json.JSONDecodeError, match="the name 'a' stands twice") as caught:
        parsed(text)
    assert text[caught.value.pos :].startswith(b'"a"')


def test_the_same_name_in_two_objects_is_fine() -> None:
    assert parsed(b'{"a": {"a": 1}, "b": [{"a": 2}, {"a": 3}]}') == {
        "a": {"a": 1},
        "b": [{"a": 2}, {"a": 3}],
    }


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "query"),
    [("jobs", ""), ("jobs:validate", ""), ("models", ""), ("datasets", ""), ("webhooks", "")],
)
async def test_every_route_that_takes_json_refuses_it_by_name(
    world: Any, path: str, query: str
) -> None:
    answer = await world.client.post(
        f"/v1/{path}{query}",
        content=b'{"model": "a", "model": "b"}',
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), answer.text
    assert "'model' stands twice" in answer.json()["detail"]
