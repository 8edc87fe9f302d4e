"""Somebody else's browser: their cookie, and forms that other sites make it send."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.responses import Response

from app import auth
from app.page.routes import sign_in
from app.page_session import COOKIE, GUARD_HEADER, guard_of
from tests.redteam.door import Door, problem
from tests.redteam.tenants.conftest import Loot
from tests.services.worker.nets import perceptron


@contextmanager
def browser(door: Door) -> Iterator[httpx.Client]:
    """Somebody who is signed in with this key; nothing is followed by itself."""
    with httpx.Client(base_url=door.url, trust_env=False) as client:
        assert client.post("/sign-in", data={"key": door.key}).status_code == 303
        yield client


class TestForeignForm:
    """A form on another site that makes a signed-in browser delete a model"""

    seen = "403, `forbidden`"
    guard = "what changes anything shows a guard that only pages of this service contain"

    def test_the_cookie_alone_changes_nothing(self, door: Door) -> None:
        mine = door.ready("models", perceptron(51))
        with browser(door) as client:
            assert client.get(f"/v1/models/{mine}").status_code == 200
            problem(client.delete(f"/v1/models/{mine}"), 403, "forbidden")
            wrong = {GUARD_HEADER: guard_of("another")}
            problem(client.delete(f"/v1/models/{mine}", headers=wrong), 403, "forbidden")
            job = {"model": mine, "pipeline": [{"technique": "quantize.dynamic"}]}
            problem(client.post("/v1/jobs", json=job), 403, "forbidden")
        assert door.http.get(f"/v1/models/{mine}").status_code == 200

    def test_it_is_deleted_without_the_guard(
        self, door: Door, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine, second = (door.ready("models", perceptron(seed)) for seed in (52, 53))
        with browser(door) as client:
            shown = {GUARD_HEADER: guard_of(client.cookies[COOKIE])}
            assert client.delete(f"/v1/models/{mine}", headers=shown).status_code == 204
        monkeypatch.setattr(auth, "check_guard", lambda *_: None)
        with browser(breached) as client:
            assert client.delete(f"/v1/models/{second}").status_code == 204
        assert door.http.get(f"/v1/models/{second}").status_code == 404


class TestSignedInAsSomebodyElse:
    """A form on another site that signs the visitor in with the attacker's key"""

    seen = "403, a page that says so"
    guard = "a browser says where a form comes from, and from elsewhere it is not taken"

    def post(self, door: Door, origin: str) -> httpx.Response:
        with httpx.Client(base_url=door.url, trust_env=False) as client:
            return client.post("/sign-in", data={"key": door.key}, headers={"Origin": origin})

    def test_it_is_refused(self, door: Door) -> None:
        answer = self.post(door, "https://evil.example")
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert "another site" in answer.text

    def test_it_signs_in_without_the_guard(
        self, door: Door, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert COOKIE in self.post(door, door.url).headers["set-cookie"]
        monkeypatch.setattr(sign_in, "_not_from_elsewhere", lambda _: None)
        answer = self.post(breached, "https://evil.example")
        assert COOKIE in answer.headers["set-cookie"]


class TestPlantedCookie:
    """A cookie that the attacker has planted before the visitor signs in"""

    seen = "the sign-in page"
    guard = "a session is made with a new token at each sign-in; tokens nobody made are nobody"
    planted = "a" * 43

    def test_the_planted_one_never_stands_for_anybody(self, door: Door) -> None:
        with httpx.Client(base_url=door.url, trust_env=False) as visitor:
            visitor.cookies.set(COOKIE, self.planted)
            answer = visitor.get("/v1/models")
            problem(answer, 401, "unauthenticated")
            made = visitor.post("/sign-in", data={"key": door.key})
            assert self.planted not in made.headers["set-cookie"]
        with httpx.Client(base_url=door.url, trust_env=False) as attacker:
            attacker.cookies.set(COOKIE, self.planted)
            problem(attacker.get("/v1/models"), 401, "unauthenticated")

    def test_the_planted_one_stands_for_the_visitor_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(secrets, "token_urlsafe", lambda _: self.planted)
        with browser(breached) as visitor:
            assert visitor.cookies[COOKIE] == self.planted
        with httpx.Client(base_url=breached.url, trust_env=False) as attacker:
            attacker.cookies.set(COOKIE, self.planted)
            assert attacker.get("/v1/models").status_code == 200
            shown = {GUARD_HEADER: guard_of(self.planted)}
            assert attacker.post("/sign-out", headers=shown).status_code == 303


class TestCookieForScripts:
    """A script that reads the cookie, or another site's request that carries it"""

    seen = "a cookie that neither scripts nor other sites get"
    guard = "HttpOnly and SameSite=Strict, and Secure behind https"
    instead = (
        "the service without those words, and the cookie sent by hand: reading it by a script "
        "takes a browser, which this suite has none of"
    )

    def cookie(self, door: Door, **headers: str) -> str:
        with httpx.Client(base_url=door.url, trust_env=False) as client:
            answer = client.post("/sign-in", data={"key": door.key}, headers=headers)
        return answer.headers["set-cookie"].lower()

    def test_it_says_who_may_have_it(self, door: Door) -> None:
        assert {"httponly", "samesite=strict"} <= {
            part.strip() for part in self.cookie(door).split(";")
        }
        secured = self.cookie(door, **{"X-Forwarded-Proto": "https"})
        assert "secure" in {part.strip() for part in secured.split(";")}

    def test_it_is_enough_to_look_around_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Response.set_cookie

        def bare(self: Response, name: str, value: str, **_: object) -> None:
            real(self, name, value, samesite=None)

        monkeypatch.setattr(Response, "set_cookie", bare)
        assert not {"httponly", "samesite=strict", "secure"} & {
            part.strip() for part in self.cookie(breached).split(";")
        }
        with browser(breached) as visitor:
            carried = {"Cookie": f"{COOKIE}={visitor.cookies[COOKIE]}"}
        answer = httpx.get(f"{breached.url}/v1/models", headers=carried, trust_env=False)
        assert answer.status_code == 200


class TestAnothersPage:
    """The page of another project's model and job, by somebody who is signed in"""

    seen = "404, a page that says so"
    guard = "the page asks for the project of the session's key, as the API does"

    def paths(self, loot: Loot) -> tuple[str, ...]:
        return (
            f"/models/{loot.model}",
            f"/datasets/{loot.dataset}",
            f"/jobs/{loot.job}",
            f"/jobs/{loot.job}/live",
        )

    def test_it_is_not_there(self, door: Door, loot: Loot) -> None:
        with browser(door) as client:
            for path in self.paths(loot):
                answer = client.get(path)
                assert answer.status_code == 404, path
                assert "the victim" not in answer.text

    def test_it_is_shown_without_the_guard(
        self, unfiltered: Door, victim: Door, loot: Loot
    ) -> None:
        with browser(victim) as owner, browser(unfiltered) as attacker:
            for path in self.paths(loot)[:3]:
                assert owner.get(path).status_code == 200, path
                answer = attacker.get(path)
                assert answer.status_code == 200, path
            assert "the victim" in attacker.get(f"/models/{loot.model}").text
