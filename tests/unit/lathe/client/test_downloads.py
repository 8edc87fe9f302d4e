"""A download is whole or not there, and goes on where it was cut."""

import errno
import hashlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lathe import ids
from lathe.client import Client, ServiceError, Unreachable
from lathe.errors import Unavailable
from lathe.views import ArtifactView

CONTENT = bytes(range(200)) * 40


class Cut(httpx.SyncByteStream):
    """Some bytes, then the connection is gone."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("reset")


def artifact(name: str = "small.onnx", content: bytes = CONTENT) -> ArtifactView:
    return ArtifactView(
        id=ids.new("art"),
        job=ids.new("job"),
        kind="onnx",
        name=name,
        candidate=None,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="application/onnx",
        created_at="2026-01-02T03:04:05Z",
    )


class Store:
    """Serves ranges of `CONTENT`; each answer ends after `each` bytes."""

    def __init__(self, each: int | None) -> None:
        self.each = each
        self.ranges: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("range", "bytes=0-")
        self.ranges.append(asked)
        if "range" in request.headers:
            assert request.headers["if-range"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        status = 206 if "range" in request.headers else 200
        if self.each is None:
            return httpx.Response(status, content=CONTENT[start:])
        part = CONTENT[start : start + self.each]
        whole = start + len(part) == len(CONTENT)
        return httpx.Response(status, stream=httpx.ByteStream(part) if whole else Cut(part))


def client(answer: object) -> Client:
    return Client("http://lathe.test", "lt_k", transport=httpx.MockTransport(answer))  # type: ignore[arg-type]


def test_cuts_are_gone_on_from_and_no_byte_is_asked_twice(tmp_path: Path) -> None:
    store, seen = Store(each=900), []
    path = client(store).download(
        artifact(), tmp_path, told=lambda done, of: seen.append((done, of))
    )
    assert path.read_bytes() == CONTENT
    assert store.ranges == [f"bytes={at}-" for at in range(0, 8000, 900)]
    assert seen[0] == (900, 8000)
    assert seen[-1] == (8000, 8000)
    assert [p.name for p in tmp_path.iterdir()] == ["small.onnx"]


def test_what_an_ended_program_left_is_used_by_the_next(tmp_path: Path) -> None:
    file, store = artifact(), Store(each=900)

    def dying(request: httpx.Request) -> httpx.Response:
        if len(store.ranges) == 2:
            raise KeyboardInterrupt
        return store(request)

    with pytest.raises(KeyboardInterrupt):
        client(dying).download(file, tmp_path)
    assert not (tmp_path / "small.onnx").exists()
    store.each = None
    assert client(store).download(file, tmp_path).read_bytes() == CONTENT
    assert store.ranges == ["bytes=0-", "bytes=900-", "bytes=1800-"]
    assert [p.name for p in tmp_path.iterdir()] == ["small.onnx"]


def test_a_server_without_ranges_begins_anew(tmp_path: Path) -> None:
    answers = iter(
        [httpx.Response(200, stream=Cut(CONTENT[:900])), httpx.Response(200, content=CONTENT)]
    )
    path = client(lambda _: next(answers)).download(artifact(), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_service_that_is_gone_for_good_ends_it_and_the_part_stays(tmp_path: Path) -> None:
    answers = iter([httpx.Response(200, stream=Cut(CONTENT[:900]))])

    def answer(_: httpx.Request) -> httpx.Response:
        try:
            return next(answers)
        except StopIteration:
            raise httpx.ConnectError("refused") from None

    with pytest.raises(Unreachable):
        client(answer).download(artifact(), tmp_path)
    (part,) = tmp_path.iterdir()
    assert part.name.endswith(".part")
    assert part.read_bytes() == CONTENT[:900]


def test_a_disk_that_takes_no_more_is_left_with_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            client(Store(each=900)).download(artifact(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_too_few_bytes_are_damage_and_not_a_loop(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="damaged"):
        client(lambda _: httpx.Response(206, content=b"")).download(artifact(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("named", "lands"), [("../../evil.onnx", "evil.onnx"), ("a/b", "b")])
def test_a_name_never_leaves_the_folder(tmp_path: Path, named: str, lands: str) -> None:
    path = client(Store(each=None)).download(artifact(named), tmp_path / "out")
    assert path == tmp_path / "out" / lands


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no file name"):
        client(Store(each=None)).download(artifact(".."), tmp_path)
