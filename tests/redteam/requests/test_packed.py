"""Bodies that come packed, to be far larger than any limit once somebody unpacks them."""

import gzip
import json
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request

from tests.redteam.door import Door, problem
from tests.services.worker.nets import perceptron

MIB = 1 << 20
CODINGS = ("gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x-gzip")


class TestPackedBody:
    """A spec of 64 MB, and a model, that are sent as `Content-Encoding: gzip`"""

    seen = "415, `wrong_media_type` about `Content-Encoding`"
    guard = "a body is taken as it is; nothing is unpacked on its way in"
    sent = gzip.compress(json.dumps({"name": "a" * (64 * MIB)}).encode(), 9)
    json_type = "application/json"

    @pytest.mark.parametrize("coding", CODINGS)
    def test_it_is_refused_by_name(self, door: Door, coding: str) -> None:
        headers = {"Content-Type": self.json_type, "Content-Encoding": coding}
        for path in ("/v1/jobs", "/v1/jobs:validate", "/v1/webhooks"):
            answer = door.http.post(path, content=self.sent, headers=headers)
            problem(answer, 415, "wrong_media_type", "Content-Encoding")

    def test_a_packed_model_is_no_model_by_another_name(self, door: Door) -> None:
        packed = gzip.compress(perceptron(3))
        answer = door.http.post(
            "/v1/models", content=packed, headers={"Content-Encoding": "gzip"}
        )
        problem(answer, 415, "wrong_media_type", "Content-Encoding")

    def test_a_body_that_says_that_it_is_itself_is_taken(self, door: Door) -> None:
        headers = {"Content-Type": self.json_type, "Content-Encoding": "identity"}
        answer = door.http.post("/v1/jobs:validate", content=b"{}", headers=headers)
        assert answer.status_code == 200

    def test_it_unfolds_behind_the_limit_of_bodies_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unpacked: list[int] = []
        real: Callable[[Request], Awaitable[bytes]] = Request.body

        async def body(self: Request) -> bytes:
            content = gzip.decompress(await real(self))
            unpacked.append(len(content))
            return content

        monkeypatch.setattr(Request, "body", body)
        breached.http.post(
            "/v1/jobs", content=self.sent, headers={"Content-Type": self.json_type}
        )
        assert unpacked[0] > 64 * MIB > 500 * len(self.sent)
