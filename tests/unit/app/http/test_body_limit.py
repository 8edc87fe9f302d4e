"""Bodies are read as they are, and no more of them than a route takes."""

from typing import Any

import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/jobs:validate", "/v1/models", "/v1/webhooks"]
)
async def test_a_packed_body_is_refused_by_the_header_that_says_so(
    world: Any, path: str
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": " GZip "}
    answer = await world.client.post(path, content=b"\x1f\x8b", headers=headers)
    problem = answer.json()
    assert answer.status_code == 415
    assert (problem["code"], problem["param"]) == ("wrong_media_type", "Content-Encoding")
    assert "send it as it is" in problem["detail"]
    assert world.stored_objects() == []


async def test_a_body_that_says_it_is_itself_is_read(world: Any) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    answer = await world.client.post("/v1/jobs:validate", content=b"{}", headers=headers)
    assert answer.status_code == 200


async def test_a_request_without_a_body_may_say_what_it_likes(world: Any) -> None:
    answer = await world.client.get("/v1/models", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
