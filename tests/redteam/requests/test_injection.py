"""Names that are more than names where they are shown: HTML, headers, terminals, logs."""

import base64
import json
import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest
import structlog
from typer.testing import CliRunner
from uvicorn.protocols.http import httptools_impl

from app import arrival
from app.http import download
from app.http.download import File
from app.page import rendering
from app.resume import begin
from app.routes import models
from app.store.rows import Blob
from lathe import cli, names
from lathe.cli import say
from lathe.report import Report
from tests.redteam.conftest import Without
from tests.redteam.door import Door, problem
from tests.redteam.requests.wire import head, spoken
from tests.services.worker.nets import perceptron
from worker.engine.report import page as report_page
from worker.engine.report import template

SCRIPT = "<script>owned()</script><img src=x onerror=owned()>"


class Seen(HTMLParser):
    """The elements of a page that could run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.live: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if (tag == "script" and "src" not in names) or any(n.startswith("on") for n in names):
            self.live.append(tag)


def spiked() -> bytes:
    """A perceptron whose layers and doors are called scripts."""
    model = onnx.ModelProto.FromString(perceptron(5))
    renamed = {"fc1.weight": SCRIPT, "x": f"x{SCRIPT}", "y": f"y{SCRIPT}"}
    for tensor in model.graph.initializer:
        tensor.name = renamed.get(tensor.name, tensor.name)
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for door in (*model.graph.input, *model.graph.output):
        door.name = renamed[door.name]
    made: bytes = model.SerializeToString()
    return made


@pytest.fixture(scope="module")
def named(door: Door) -> str:
    """A model of which every name is a script."""
    return door.ready("models", spiked(), name=SCRIPT)


@contextmanager
def signed_in(door: Door) -> Iterator[httpx.Client]:
    """Somebody who is signed in on the page."""
    with httpx.Client(base_url=door.url, trust_env=False, follow_redirects=True) as client:
        assert client.post("/sign-in", data={"key": door.key}).status_code == 200
        yield client


@pytest.fixture
def browser(door: Door) -> Iterator[httpx.Client]:
    with signed_in(door) as client:
        yield client


class TestScriptOnThePage:
    """A model, a layer and an input that are called `<script>...`, on the page"""

    seen = "the name as text"
    guard = "templates escape all they are given; the page's policy runs no script but its own"

    def test_nothing_of_it_is_live(self, door: Door, named: str, browser: httpx.Client) -> None:
        for path in ("/models", f"/models/{named}", "/", f"/compose?model={named}"):
            answer = browser.get(path)
            assert answer.status_code == 200
            assert "owned" in answer.text or path == "/"
            assert Seen(answer.text).live == []
            assert "script-src 'self'" in answer.headers["content-security-policy"]

    def test_it_runs_without_the_guard(
        self, breached: Door, named: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unguarded = rendering._ENVIRONMENT.overlay(autoescape=False)
        monkeypatch.setattr(rendering, "_ENVIRONMENT", unguarded)
        with signed_in(breached) as visitor:
            answer = visitor.get(f"/models/{named}")
        assert "script" in Seen(answer.text).live
        # and the second wall, which browsers keep, is still there
        assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.fixture(scope="module")
def job(door: Door, named: str) -> dict[str, Any]:
    made = door.settled(
        {
            "name": SCRIPT,
            "model": named,
            "pipeline": [{"technique": "quantize.dynamic"}],
            "benchmark": None,
        }
    )
    assert made["state"] == "succeeded", made["failure"]
    return made


class TestScriptInTheReport:
    """The same names in a job's report"""

    seen = "the name as text"
    guard = "the report's template escapes; it is sent with a policy that runs nothing"

    def test_nothing_of_it_is_live(self, door: Door, job: dict[str, Any]) -> None:
        answer = door.http.get(f"/v1/jobs/{job['id']}/report.html")
        assert "owned()" in answer.text
        assert Seen(answer.text).live == []
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_it_runs_without_the_guard(
        self, door: Door, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = door.http.get(f"/v1/jobs/{job['id']}/report").json()
        unguarded = template._environment().overlay(autoescape=False)
        monkeypatch.setattr(report_page, "TEMPLATE", unguarded.get_template("page.html.jinja"))
        text = report_page.page(Report.model_validate(told))
        assert "script" in Seen(text).live


def any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take whatever people call things, as was done before names were looked at."""
    for module in (names, arrival, begin):
        monkeypatch.setattr(module, "unfit", lambda _text: None)


TUS = {"Tus-Resumable": "1.0.0"}


def begun(door: Door, name: str, length_bytes: int) -> httpx.Response:
    """The answer to the announcement of a file of this name."""
    packed = base64.b64encode(name.encode()).decode()
    announced = {"Upload-Metadata": f"filename {packed}", "Upload-Length": str(length_bytes)}
    return door.http.post("/v1/uploads", headers=TUS | announced)


def uploaded(door: Door, name: str, content: bytes) -> str:
    """The upload that all of these bytes came by."""
    answer = begun(door, name, len(content))
    assert answer.status_code == 201, answer.text
    place: str = answer.headers["location"]
    sent = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answer = door.http.patch(place, content=content, headers=TUS | sent)
    assert answer.status_code == 204, answer.text
    return place.rpartition("/")[2]


class TestHeaderInAFileName:
    """A file's name with line breaks and quotes, on its way into Content-Disposition"""

    seen = "400, `malformed` about `filename`"
    guard = "names hold no control characters; what a header holds is made of plain letters"
    name = 'net"; filename="evil.html\r\nX-Injected: 1\r\n\r\n<script>'

    def test_it_is_refused_by_name(self, door: Door) -> None:
        problem(begun(door, self.name, 5), 400, "malformed", "filename")
        named = door.http.post("/v1/models", params={"name": self.name}, content=b"x")
        problem(named, 422, "invalid_request", "name")

    def test_no_header_is_added_even_where_it_is_a_name(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        any_name(monkeypatch)
        upload = uploaded(breached, self.name, perceptron(21))
        query = {"upload": upload, "wait": 30}
        made = breached.http.post("/v1/models", params=query).json()
        place = f"/v1/uploads/{upload}"
        for path in (f"/v1/models/{made['id']}/content", place, "/v1/models"):
            answer = breached.http.get(path)
            assert "x-injected" not in answer.headers
            shown = answer.headers.get("content-disposition", "")
            assert "evil.html" not in shown

    def test_a_header_is_added_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        any_name(monkeypatch)
        model = breached.ready("models", perceptron(22), name=self.name)
        path = f"/v1/models/{model}/content"

        def by_its_own_name(blob: Blob, _name: str, media_type: str) -> File:
            return File(blob, self.name, media_type)

        monkeypatch.setattr(models, "File", by_its_own_name)
        heard, _ = spoken(breached.address, [head("GET", path, breached.key)], within_s=5)
        lines = heard.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert b"X-Injected: 1" not in lines  # letters alone are taken of any name
        monkeypatch.setattr(download, "_UNQUOTED", re.compile(r"(?!)"))
        monkeypatch.setattr(download, "quote", lambda name, safe: name)
        heard, _ = spoken(breached.address, [head("GET", path, breached.key)], within_s=5)
        assert b"X-Injected: 1" not in heard  # uvicorn sends no such header either
        monkeypatch.setattr(httptools_impl, "HEADER_VALUE_RE", re.compile(rb"(?!)"))
        heard, _ = spoken(breached.address, [head("GET", path, breached.key)], within_s=5)
        lines = heard.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert b"X-Injected: 1" in lines


CLIMBING = ("../../../signing-key.pem", "..\\..\\x", "/etc/passwd", "C:x", "a/./../..//b",
            "\uff0e\uff0e\uff0fx", "~/x", ".")  # fmt: skip


class TestPathAsAFileName:
    """A file's name in an upload's metadata that is a path, or looks like another in Unicode"""

    seen = "the name as text, in the model's view alone, or 400, `malformed` about `filename`"
    guard = "objects lie under random names; names turn no writing direction"

    @pytest.mark.parametrize("name", CLIMBING)
    def test_it_is_a_name_and_no_place(self, door: Door, name: str) -> None:
        before = self.outside(door)
        upload = uploaded(door, name, perceptron(23))
        made = door.http.post("/v1/models", params={"upload": upload}).json()
        assert made["name"] == name
        assert self.outside(door) == before

    @pytest.mark.parametrize("name", ["\u202egnp.exe", "net\x00.onnx", "a\r\nb", "\x1b[2J"])
    def test_what_shows_as_another_is_refused_by_name(self, door: Door, name: str) -> None:
        problem(begun(door, name, 5), 400, "malformed", "filename")

    def outside(self, door: Door) -> set[Path]:
        """What lies beside the service's own folders."""
        own = {"objects", "logs", "work", "valkey"}
        return {path for path in door.data.iterdir() if path.name not in own}

    @pytest.mark.parametrize("shown", ["n" * 5000, "n, sha256"])
    def test_what_is_no_metadata_is_refused_by_name(self, door: Door, shown: str) -> None:
        said = {"Upload-Length": "5", "Upload-Metadata": f"filename {shown}"}
        answer = door.http.post("/v1/uploads", headers=TUS | said)
        problem(answer, 400, "malformed", "Upload-Metadata")

    def test_its_bytes_lie_there_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = breached.data / "objects" / "uploads"
        folder.mkdir(exist_ok=True)
        name = "../../planted"
        monkeypatch.setattr(begin, "new_key", lambda kind: f"{kind}/{name}")
        uploaded(breached, name, b"was here")
        assert (breached.data / "planted").read_bytes() == b"was here"


STEERING = "net\x1b[2J\x1b]0;owned\x07\u202egnp"


@pytest.fixture(scope="module")
def steering(door: Door, breached: Door) -> str:
    """A model with such a name, as there may be from before names were looked at."""
    with pytest.MonkeyPatch.context() as patch:
        any_name(patch)
        return breached.ready("models", perceptron(31), name=STEERING)


class TestTerminalEscapes:
    """A model's name that clears the screen and renames the window of who lists models"""

    seen = "422, `invalid_request` about `name`; of an old one the sequences, spelled out"
    guard = "names hold no control characters, and the `lathe` command sends none on"

    def test_it_is_refused_by_name(self, door: Door) -> None:
        named = door.http.post("/v1/models", params={"name": STEERING}, content=b"x")
        problem(named, 422, "invalid_request", "name")

    def shown(self, door: Door, *command: str) -> str:
        answer = CliRunner().invoke(cli.app, [*command, "--url", door.url, "--key", door.key])
        assert answer.exit_code == 0, answer.output
        return answer.output

    def test_the_terminal_is_not_steered(self, door: Door, steering: str) -> None:
        for command in (("models", "list"), ("models", "show", steering)):
            text = self.shown(door, *command)
            assert r"\x1b[2J" in text.replace("\n", "")
            assert not set(text) & set("\x1b\x07\u202e")

    def test_the_terminal_is_steered_without_the_guard(
        self, door: Door, steering: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(say, "harmless", lambda text: text)
        assert "\x1b[2J" in self.shown(door, "models", "show", steering)


class TestForgedLogLine:
    """Line breaks, and a line of the log's own form, in a path and in a header"""

    seen = "404, `not_found`"
    guard = "a line of the log is one JSON object, whatever its values; long ones are cut"
    forged = json.dumps({"event": "forged", "level": "info"})

    @property
    def path(self) -> str:
        """It, between line breaks."""
        return "/v1/x%0a" + "".join(f"%{ord(letter):02x}" for letter in self.forged) + "%0d%0a"

    def test_every_line_is_one_of_ours(self, door: Door) -> None:
        line = head("GET", self.path, door.key)
        heard, _ = spoken(door.address, [line], every_s=2, within_s=3)
        assert heard.startswith(b"HTTP/1.1 404 ")
        door.http.get("/v1/" + "y" * 30_000)
        door.http.get("/v1/models", headers={"X-Request-ID": self.forged})
        lines = (door.data / "logs" / "api.log").read_text().splitlines()
        told = [json.loads(line) for line in lines]
        assert any("/v1/x\n" in line.get("path", "") for line in told)
        assert all(line["event"] != "forged" for line in told)
        assert max(len(line) for line in lines if "yyyy" in line) < 2000

    def test_a_line_is_added_without_the_guard(self, without: Without, tmp_path: Path) -> None:
        def plain(_logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
            return " ".join(f"{name}={value}" for name, value in line.items())

        log = tmp_path / "api.log"
        before = structlog.get_config()
        with log.open("w") as file:
            structlog.configure(
                processors=[plain], logger_factory=structlog.WriteLoggerFactory(file)
            )
            try:
                with without() as bare:
                    line = head("GET", self.path, bare.key)
                    spoken(bare.address, [line], every_s=2, within_s=3)
            finally:
                structlog.configure(**before)
        assert self.forged in log.read_text().splitlines()


def test_the_page_that_is_tested_has_something_to_run() -> None:
    assert Seen(SCRIPT).live == ["script", "img"]
    assert Seen('<script src="/static/a.js"></script><p>&lt;script&gt;</p>').live == []
