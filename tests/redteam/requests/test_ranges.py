"""Ranges of a file that are asked for to have it sent many times, or from where nothing is."""

import pytest

from app.http import download
from tests.redteam.door import Door, problem

CROWD = "bytes=" + ",".join(["0-"] * 1000)
OVERLAPPING = "bytes=" + ",".join(f"{start}-" for start in range(500))
WHOLE = (CROWD, OVERLAPPING, "bytes=0-0,-1", "bytes=9-1", "bytes=-", "bytes=a-b", "lines=0-1",
         "bytes=0-99999999999999999999", "bytes=--1", "bytes=0x0-1")  # fmt: skip
BEHIND = ("bytes=9223372036854775807-", "bytes=9223372036854775806-9223372036854775807")


class TestHostileRanges:
    """A thousand ranges of one file in one request, ranges that overlap, and ones of 2^63"""

    seen = "200 and the file once; behind its end 416, `range_not_satisfiable`"
    guard = "one range is read, whole numbers, and held against the file's size"

    def content(self, door: Door, model: str) -> bytes:
        return door.http.get(f"/v1/models/{model}/content").content

    @pytest.mark.parametrize("asked", WHOLE)
    def test_the_file_is_sent_once(self, door: Door, model: str, asked: str) -> None:
        path = f"/v1/models/{model}/content"
        answer = door.http.get(path, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (200, self.content(door, model))

    @pytest.mark.parametrize("asked", BEHIND)
    def test_what_lies_behind_its_end_is_refused_by_name(
        self, door: Door, model: str, asked: str
    ) -> None:
        answer = door.http.get(f"/v1/models/{model}/content", headers={"Range": asked})
        assert "bytes" in problem(answer, 416, "range_not_satisfiable")
        size = len(self.content(door, model))
        assert answer.headers["content-range"] == f"bytes */{size}"

    def test_the_longest_one_is_what_there_is(self, door: Door, model: str) -> None:
        asked = {"Range": "bytes=1-9223372036854775807"}
        answer = door.http.get(f"/v1/models/{model}/content", headers=asked)
        assert (answer.status_code, answer.content) == (206, self.content(door, model)[1:])

    def test_more_is_promised_than_there_is_without_the_guard(
        self, breached: Door, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def believed(request: object, size: int, etag: str) -> tuple[int, int]:
            return 0, 1 << 62

        monkeypatch.setattr(download, "_span", believed)
        answer = breached.http.head(f"/v1/models/{model}/content")
        assert answer.headers["content-length"] == str(1 << 62)
