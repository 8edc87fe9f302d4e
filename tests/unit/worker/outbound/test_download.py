"""A file that is cut on the way: asked for from there on, and never put together of two."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import httpx
import pytest

from app.store.outbound import Allowed, Place
from lathe.errors import SourceUnusable, Unanswered
from worker.outbound.download import Download, StartOver
from worker.outbound.guard import Guard

pytestmark = pytest.mark.anyio
FILE = bytes(range(256)) * 40
URL = "https://files.example/m.onnx"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Body(httpx.AsyncByteStream):
    """`data` in pieces, cut off after `cut` bytes."""

    def __init__(self, data: bytes, cut: int | None) -> None:
        self._data, self._cut = data, cut

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        for start in range(0, len(self._data), 1000):
            if self._cut is not None and start >= self._cut:
                raise httpx.RemoteProtocolError("cut")
            yield self._data[start : start + 1000]


@dataclass
class Server(httpx.AsyncBaseTransport):
    """A file server; `cuts` says after how many bytes each answer breaks off."""

    cuts: list[int | None] = field(default_factory=list)
    etag: str | None = '"v1"'
    ranges: bool = True
    file: bytes = FILE
    statuses: list[int] = field(default_factory=list)
    asked: list[httpx.Headers] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[["Server"], None] = lambda _: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.before(self)
        self.asked.append(request.headers)
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return httpx.Response(status, headers={"location": "https://10.0.0.1/"})
        start, condition = 0, request.headers.get("if-range")
        if "range" in request.headers and self.ranges and condition in {None, self.etag}:
            start, status = int(request.headers["range"][6:-1]), 206
        data = self.file[start:]
        headers = {"content-length": str(len(data))}
        if status == 206:
            whole = len(self.file)
            headers["content-range"] = f"bytes {start}-{whole - 1}/{whole}"
        if self.etag is not None:
            headers["etag"] = self.etag
        headers |= self.headers
        cut = self.cuts.pop(0) if self.cuts else None
        return httpx.Response(status, headers=headers, stream=Body(data, cut))


async def got(server: Server, *, trusts_content: bool = False) -> tuple[bytes, Download]:
    async def names(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8"]

    async def no_pause(_seconds: float) -> None:
        pass

    place = Place.checked(URL, Allowed(), "source")
    async with Guard(Allowed(), silence_s=1, resolver=names, transport=server) as guard:
        download = Download(guard, place, trusts_content=trusts_content, pause=no_pause)
        return b"".join([chunk async for chunk in download.chunks()]), download


async def test_a_file_comes_whole_and_tells_how_far_it_is() -> None:
    server = Server()
    data, download = await got(server)
    assert data == FILE
    assert (download.received, download.total) == (len(FILE), len(FILE))
    assert server.asked[0]["accept-encoding"] == "identity"


async def test_after_a_cut_only_the_rest_is_asked_for() -> None:
    server = Server(cuts=[3000, 2000, 4000])
    data, _ = await got(server)
    assert data == FILE
    assert [each.get("range") for each in server.asked] == [
        None,
        "bytes=3000-",
        "bytes=5000-",
        "bytes=9000-",
    ]
    assert {each.get("if-range") for each in server.asked[1:]} == {'"v1"'}


async def test_a_file_that_has_changed_meanwhile_is_begun_again() -> None:
    def change(server: Server) -> None:
        if server.asked:
            server.etag, server.file = '"v2"', FILE[::-1]

    with pytest.raises(StartOver):
        await got(Server(cuts=[3000], before=change))


@pytest.mark.parametrize("trusts_content", [True, False])
async def test_a_file_without_a_version_goes_on_only_where_its_content_is_checked(
    trusts_content: bool,
) -> None:
    server = Server(cuts=[3000], etag=None)
    if trusts_content:
        assert (await got(server, trusts_content=True))[0] == FILE
        return
    with pytest.raises(StartOver):
        await got(server)


async def test_a_weak_version_is_none() -> None:
    with pytest.raises(StartOver):
        await got(Server(cuts=[3000], etag='W/"v1"'))


async def test_a_server_without_ranges_begins_again() -> None:
    with pytest.raises(StartOver):
        await got(Server(cuts=[3000], ranges=False))


async def test_a_part_that_begins_elsewhere_is_not_taken() -> None:
    last = len(FILE) - 1
    for wrong in (f"bytes 0-{last}/{last + 1}", f"bytes 3000-{last}/{last + 2}", "nonsense"):
        with pytest.raises(StartOver):
            await got(Server(cuts=[3000], headers={"content-range": wrong}))


async def test_a_busy_server_is_asked_again_and_at_last_given_up() -> None:
    assert (await got(Server(statuses=[503, 429, 500])))[0] == FILE
    with pytest.raises(Unanswered, match=r"files\.example answered 503"):
        await got(Server(statuses=[503] * 9))


async def test_cuts_that_bring_something_are_endured_longer_than_those_that_do_not() -> None:
    assert (await got(Server(cuts=[1000] * 9)))[0] == FILE
    with pytest.raises(Unanswered, match="broke off"):
        await got(Server(cuts=[0] * 9))


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "answered 404"), (403, "answered 403"), (302, "redirects are not followed")],
)
async def test_what_is_no_file_is_refused_by_what_it_said(status: int, said: str) -> None:
    server = Server(statuses=[status])
    with pytest.raises(SourceUnusable, match=said):
        await got(server)
    assert len(server.asked) == 1


async def test_a_compressed_answer_is_refused() -> None:
    with pytest.raises(SourceUnusable, match="compressed"):
        await got(Server(headers={"content-encoding": "gzip"}))
