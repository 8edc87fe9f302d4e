"""An upload goes on where it was cut: by a connection, by a service, by its own end."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lathe import errors, ids
from lathe.client import AsyncClient, Client, Unreachable
from lathe.client.remembered import Remembered

CONTENT = bytes(range(250)) * 4
NOW = "2026-01-02T03:04:05Z"
URL = "http://lathe.test"
Answer = httpx.Response | Exception


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("lathe.client.calls.uploads.FROM_BYTES", 1000)
    monkeypatch.setattr("lathe.client.calls.resumable._PROBE_BYTES", 10)
    for client in ("blocking", "asynchronous"):
        monkeypatch.setattr(f"lathe.client.{client}.CHUNK_BYTES", 100)


def problem(kind: type[errors.Refused], detail: str = "played") -> httpx.Response:
    failure = kind(detail).failure().model_dump(mode="json", exclude={"step"})
    whole = {"type": "x", "title": "x", "status": kind.status, "instance": "/", **failure}
    media_type = {"content-type": "application/problem+json"}
    return httpx.Response(kind.status, json=whole, headers=media_type)


class Service:
    """Keeps uploads as tus says. `cuts` are thrown after so many chunks of a PATCH."""

    def __init__(self, *cuts: tuple[int, Answer]) -> None:
        self.cuts = list(cuts)
        self.kept: dict[str, bytearray] = {}
        self.used: dict[str, str] = {}
        self.state = "receiving"
        self.asked: list[str] = []
        self.sent_bytes = 0
        self.lost: Callable[[str], bool] = lambda _: False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {request.url.path}".replace("/v1/", "")
        self.asked.append(route.split("/")[0])
        if request.method == "PATCH":
            return self.patch(request)
        request.read()
        if route == "POST uploads":
            return self.begin(request)
        if request.method == "GET":
            return self.view(request.url.path.rpartition("/")[2])
        return self.use(request)

    def begin(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["tus-resumable"] == "1.0.0"
        assert request.headers["upload-length"] == "1000"
        pairs = dict(each.split() for each in request.headers["upload-metadata"].split(","))
        told = {key: base64.b64decode(value).decode() for key, value in pairs.items()}
        assert told == {
            "filename": "net.onnx",
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
        }
        upload_id = ids.new("upl")
        self.kept[upload_id] = bytearray()
        return self.view(upload_id)

    def view(self, upload_id: str) -> httpx.Response:
        if upload_id not in self.kept:
            return problem(errors.Missing)
        shown = {"id": upload_id, "filename": None, "state": self.state, "sha256": None}
        numbers = {"length_bytes": 1000, "offset_bytes": len(self.kept[upload_id])}
        times = {"created_at": NOW, "expires_at": NOW, "used_by": None}
        return httpx.Response(200, json={**shown, **numbers, **times})

    def patch(self, request: httpx.Request) -> httpx.Response:
        kept = self.kept[request.url.path.rpartition("/")[2]]
        assert int(request.headers["upload-offset"]) == len(kept)
        after, how = self.cuts.pop(0) if self.cuts else (99, httpx.Response(204))
        for number, chunk in enumerate(request.stream):  # type: ignore[arg-type]
            if number == after:
                break
            self.sent_bytes += len(chunk)
            kept += chunk
        if isinstance(how, Exception):
            raise how
        return how

    def use(self, request: httpx.Request) -> httpx.Response:
        upload_id = request.url.params["upload"]
        if self.lost(upload_id):
            return problem(errors.Conflict)
        assert bytes(self.kept[upload_id]) == CONTENT
        model = self.used.setdefault(upload_id, ids.new("mdl"))
        view = {"id": model, "name": "n", "state": "ready", "sha256": "00", "size_bytes": 1}
        return httpx.Response(201, json={**view, "created_at": NOW})


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hands the chunks of a body over one by one."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._service(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.stream = InChunks([chunk async for chunk in request.stream])  # type: ignore[union-attr]
        return self._service(request)


class InChunks(httpx.SyncByteStream):
    """A body that was read already."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(CONTENT)
    return path


def client(service: Service, url: str = URL) -> Client:
    return Client(url, "lt_k", transport=Wire(service))


def cut(after: int) -> tuple[int, Answer]:
    return after, httpx.WriteError("reset")


def left(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache/lathe/uploads").iterdir())


def test_a_file_goes_up_in_one_piece_where_nothing_cuts_it(file: Path, tmp_path: Path) -> None:
    service, seen = Service(), []
    view = client(service).upload_model(file, told=lambda done, of: seen.append((done, of)))
    assert view.id in service.used.values()
    assert service.asked == [
        *("POST uploads", "GET uploads", "PATCH uploads", "GET uploads", "POST models")
    ]
    assert seen == [(done, 1000) for done in (*range(0, 1001, 100), 1000)]
    assert left(tmp_path) == []


def test_cuts_are_gone_on_from_and_nothing_is_sent_twice(
    file: Path, paused: list[float]
) -> None:
    service = Service(cut(3), cut(0), cut(99), cut(2))
    client(service).upload_model(file)
    assert service.sent_bytes == 1000
    assert paused == [0.5, 0.5, 1.0, 0.5]


def test_after_a_cut_a_small_piece_hears_the_refusal_that_the_large_one_lost(
    file: Path, tmp_path: Path
) -> None:
    service = Service(cut(3), (0, problem(errors.OutOfDisk, "the disk is full")))
    with pytest.raises(errors.OutOfDisk, match="the disk is full"):
        client(service).upload_model(file)
    assert len(left(tmp_path)) == 1
    service.cuts = []
    client(service).upload_model(file)
    assert service.sent_bytes == 1000
    assert service.asked.count("POST uploads") == 1


@pytest.mark.parametrize("kind", [errors.Locked, errors.Conflict, errors.Unavailable])
def test_what_passes_by_itself_is_waited_for(
    file: Path, paused: list[float], kind: type[errors.Refused]
) -> None:
    service = Service((0, problem(kind)), (0, problem(kind)))
    client(service).upload_model(file)
    assert paused == [0.5, 1.0]
    assert service.sent_bytes == 1000


def test_so_many_cuts_in_a_row_that_bring_nothing_are_the_end(
    file: Path, paused: list[float]
) -> None:
    service = Service(*[cut(0)] * 20)
    with pytest.raises(Unreachable, match="was cut"):
        client(service).upload_model(file)
    assert service.asked.count("PATCH uploads") == 9
    assert sum(paused) == 60.5


@pytest.mark.parametrize("ending", [KeyboardInterrupt, RuntimeError])
def test_a_program_that_was_ended_goes_on_when_it_is_started_again(
    file: Path, tmp_path: Path, ending: type[BaseException]
) -> None:
    service = Service()

    def until(done: int, _: int) -> None:
        if done == 600:
            raise ending

    with pytest.raises(ending):
        client(service).upload_model(file, told=until)
    (known,) = left(tmp_path)
    assert known.read_text().startswith("/v1/uploads/upl_")
    moved = file.rename(tmp_path / "other name.onnx")
    client(service).upload_model(moved)
    assert service.asked.count("POST uploads") == 1
    assert service.sent_bytes == 1000
    assert left(tmp_path) == []


def test_another_service_and_another_content_are_other_uploads() -> None:
    for url, sha256 in ((URL, "aa"), (URL, "bb"), ("http://other.test", "aa")):
        Remembered(url, sha256).keep(f"/v1/uploads/{ids.new('upl')}")
    known = {
        Remembered(url, sha).location() for url in (URL, "http://other.test") for sha in "ab"
    }
    assert known == {None}
    first = Remembered(URL, "aa").location()
    assert first == Remembered(f"{URL}/", "aa").location()
    assert first not in {None, Remembered(URL, "bb").location()}
    Remembered(URL, "aa").forget()
    assert Remembered(URL, "aa").location() is None
    assert Remembered("http://other.test", "aa").location() is not None


def test_an_upload_that_is_gone_from_the_service_is_begun_anew(file: Path) -> None:
    Remembered(URL, hashlib.sha256(CONTENT).hexdigest()).keep(f"/v1/uploads/{ids.new('upl')}")
    service = Service()
    client(service).upload_model(file)
    assert service.asked[:2] == ["GET uploads", "POST uploads"]


def test_an_upload_that_became_something_else_is_begun_anew(file: Path) -> None:
    service = Service()
    old = ids.new("upl")
    service.kept[old] = bytearray(CONTENT)
    service.lost = lambda upload_id: upload_id == old
    Remembered(URL, hashlib.sha256(CONTENT).hexdigest()).keep(f"/v1/uploads/{old}")
    client(service).upload_model(file)
    assert service.asked.count("POST models") == 2
    assert service.sent_bytes == 1000


@pytest.mark.parametrize("known", ["", "nonsense", "http://elsewhere.test/v1/uploads/x"])
def test_what_is_no_address_of_an_upload_is_not_followed(
    file: Path, tmp_path: Path, known: str
) -> None:
    Remembered(URL, hashlib.sha256(CONTENT).hexdigest()).keep("/v1/uploads/x")
    left(tmp_path)[0].write_text(known)
    service = Service()
    client(service).upload_model(file)
    assert service.asked[0] == "POST uploads"


def test_a_cache_folder_that_cannot_be_written_is_no_obstacle(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    service = Service(cut(5))
    client(service).upload_model(file)
    assert service.sent_bytes == 1000


def test_a_large_file_is_waited_for_while_it_is_read_through(
    file: Path, paused: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    use, answers = service.use, [problem(errors.NotReady), problem(errors.NotReady)]

    def late(request: httpx.Request) -> httpx.Response:
        return answers.pop() if answers else use(request)

    monkeypatch.setattr(service, "use", late)
    client(service).upload_model(file)
    assert paused == [1.0, 1.0]


def test_a_file_that_changed_on_the_way_is_said_to_have(file: Path) -> None:
    service = Service((99, httpx.ReadError("reset")))
    service.state = "damaged"
    with pytest.raises(errors.Malformed, match="changed while it was being sent"):
        client(service).upload_model(file)


def test_the_one_to_await_goes_on_as_well(file: Path) -> None:
    service = Service(cut(3), cut(2))

    async def push() -> Any:
        async with AsyncClient(URL, "lt_k", transport=Wire(service)) as lathe:
            return await lathe.upload_model(file)

    assert asyncio.run(push()).state == "ready"
    assert service.sent_bytes == 1000
