"""Paths, methods and hosts that are not what they seem."""

import hashlib
from dataclasses import replace
from urllib.parse import unquote, urljoin

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from app.http import download, tus
from app.http.download import File
from app.page import assets
from app.page.assets import Asset
from app.page.routes import sign_in
from app.routes import models
from app.store.blobs.objects import Objects
from app.store.rows import Blob
from tests.redteam.conftest import Without
from tests.redteam.door import Door, problem
from tests.redteam.requests.test_endless import refused
from tests.redteam.requests.wire import head, spoken
from tests.services.worker.nets import perceptron

CLIMBS = (
    "/static/../../store/settings.py",
    "/static/..%2f..%2fstore%2fsettings.py",
    "/static/%2e%2e/%2e%2e/store/settings.py",
    "/static/%252e%252e%252f%252e%252e%252fsettings.py",
    "/static//etc/passwd",
    "/static/..\\..\\store\\settings.py",
)


class TestClimbingOutOfStatic:
    """`../` in the path of a static file, plain, encoded once and twice, with backslashes"""

    seen = "404, `not_found`"
    guard = "static files are a list that is made at the start, and no path is joined"

    @pytest.mark.parametrize("path", CLIMBS)
    def test_it_is_refused_by_name(self, door: Door, path: str) -> None:
        heard, _ = spoken(door.address, [head("GET", path, door.key)], every_s=2, within_s=3)
        assert heard.startswith(b"HTTP/1.1 404 ")
        assert refused(heard) == "not_found"

    def test_joined_to_the_folder_it_leads_to_our_files_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(assets, "ASSETS", Joined())
        for path in CLIMBS[:3]:
            line = head("GET", path, breached.key)
            heard, _ = spoken(breached.address, [line], every_s=2, within_s=3)
            assert heard.startswith(b"HTTP/1.1 200 ")
            assert b"LATHE_" in heard


class Joined:
    """The files that any name leads to from the folder of those that pages refer to."""

    def get(self, name: str) -> Asset:
        content = (assets.FOLDER / name).read_bytes()
        return Asset(content, "text/plain", hashlib.sha256(content).hexdigest())


class TestClimbingOutOfAnId:
    """`../` where an id stands"""

    seen = "404, `not_found`"
    guard = "ids are looked up as rows; objects lie under random names of the service's own"

    @pytest.mark.parametrize("what", ["models", "datasets", "jobs", "artifacts", "uploads"])
    def test_it_is_refused_by_name(self, door: Door, what: str) -> None:
        path = f"/v1/{what}/..%2f..%2f..%2fsigning-key.pem"
        for tail in ("", "/content"):
            line = head("GET", path + tail, door.key)
            heard, _ = spoken(door.address, [line], every_s=2, within_s=3)
            assert heard.startswith(b"HTTP/1.1 404 ")
            assert refused(heard) == "not_found"

    def test_joined_to_the_folder_it_leads_to_the_key_without_the_guard(
        self, breached: Door, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = breached.data / "objects" / "models"
        folder.mkdir(exist_ok=True)
        climbing = unquote("..%2f..%2fsigning-key.pem")
        assert "PRIVATE KEY" in (folder / climbing).read_text()
        real = download.send

        async def joined(request: Request, objects: Objects, file: File) -> Response:
            size_bytes = (folder / climbing).stat().st_size
            blob = Blob(key=f"models/{climbing}", sha256="0" * 64, size_bytes=size_bytes)
            return await real(request, objects, replace(file, blob=blob))

        monkeypatch.setattr(models, "send", joined)
        answer = breached.http.get(f"/v1/models/{model}/content")
        assert "PRIVATE KEY" in answer.text


class TestMethodOverride:
    """A GET that asks in a header to be taken for a DELETE"""

    seen = "the model, which stays"
    guard = "the method is the request's own; tus' one override is for its uploads alone"

    def test_it_is_a_get(self, door: Door, model: str) -> None:
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            answer = door.http.get(f"/v1/models/{model}", headers={name: "DELETE"})
            assert (answer.status_code, answer.json()["id"]) == (200, model)
            posted = door.http.post(f"/v1/models/{model}", headers={name: "DELETE"})
            problem(posted, 405, "method_not_allowed")
        assert door.http.get(f"/v1/models/{model}").status_code == 200

    def test_as_a_delete_it_deletes_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = breached.ready("models", perceptron(77))
        monkeypatch.setattr(tus, "PREFIX", "/v1/")
        override = {"X-HTTP-Method-Override": "DELETE"}
        answer = breached.http.post(f"/v1/models/{other}", headers=override)
        assert answer.status_code == 204
        assert breached.http.get(f"/v1/models/{other}").status_code == 404


class TestForgedHost:
    """A Host header, and forwarded ones, that name the attacker's site"""

    seen = "an answer without that name"
    guard = "addresses in answers are paths; no host that a request names is ever repeated"
    forged = {  # noqa: RUF012 - never changed
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
    }

    def test_no_answer_names_it(self, door: Door, model: str) -> None:
        whole = ("/", "/sign-in", "/v1/models", f"/v1/models/{model}", "/v1/nowhere")
        for path in (*whole, *(f"{path}/" for path in whole[1:])):
            answer = door.http.get(path, headers=self.forged)
            assert "evil.example" not in answer.text + str(answer.headers)
        spoken_as = {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}
        begun = door.http.post("/v1/uploads", headers={**self.forged, **spoken_as})
        assert begun.headers["location"].startswith("/v1/uploads/")

    def test_an_address_made_of_it_leads_there_without_the_guard(
        self, without: Without
    ) -> None:
        def redirecting(app: FastAPI) -> None:
            app.router.redirect_slashes = True

        with without(change=redirecting) as bare:
            answer = bare.http.get("/v1/models/", headers=self.forged)
        assert answer.status_code == 307
        assert httpx.URL(answer.headers["location"]).host == "evil.example"


class TestOpenRedirect:
    """A sign-in link that leads to another site afterwards"""

    seen = "the service's own first page"
    guard = "`next` is a path of this service, or `/`"
    places = (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
    )

    @pytest.mark.parametrize("there", places)
    def test_it_leads_home(self, door: Door, there: str) -> None:
        with httpx.Client(base_url=door.url, trust_env=False) as browser:
            form = {"key": door.key, "next": there}
            answer = browser.post("/sign-in", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")

    def test_it_leads_away_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sign_in, "_own_path", lambda text: text)
        for there in self.places[:2]:
            with httpx.Client(base_url=breached.url, trust_env=False) as browser:
                answer = browser.post("/sign-in", data={"key": breached.key, "next": there})
            location = urljoin(f"{breached.url}/sign-in", answer.headers["location"])
            assert httpx.URL(location).host == "evil.example"
