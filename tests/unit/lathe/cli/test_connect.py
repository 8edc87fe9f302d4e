"""Which service is talked to, and as whom."""

import stat
from collections.abc import Callable

import pytest
from click.testing import Result

from lathe.cli import connect, logins
from tests.unit.lathe.cli.played import Played, found, page, problem

Run = Callable[..., Result]


def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LATHE_URL")
    monkeypatch.delenv("LATHE_KEY")


def test_without_any_service_the_remedies_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "server_command", lambda: None)
    ended = run("jobs", "list")
    assert ended.exit_code == 2
    assert "LATHE_URL" in ended.stderr
    assert "lathe login" in ended.stderr


def test_an_address_without_a_key_asks_for_the_key(run: Run) -> None:
    ended = run("jobs", "list", "--url", "http://lathe.test")
    assert ended.exit_code == 2
    assert "LATHE_KEY" in ended.stderr


def test_a_login_is_kept_for_oneself_and_used_until_logout(
    service: Played, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.on("GET /v1/recipes", found([])).on("GET /v1/jobs", page())
    assert run("login", "--url", "http://kept.test", "--key", "lt_kept").exit_code == 0
    assert stat.S_IMODE(logins.file().stat().st_mode) == 0o600
    nameless(monkeypatch)
    assert run("jobs", "list").exit_code == 0
    (asked,) = service.sent("GET /v1/jobs")
    assert asked.url.host == "kept.test"
    assert asked.headers["authorization"] == "Bearer lt_kept"
    assert run("logout").exit_code == 0
    monkeypatch.setattr(connect, "server_command", lambda: None)
    assert run("jobs", "list").exit_code == 2


def test_another_address_does_not_get_the_key_of_the_login(
    service: Played, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.on("GET /v1/recipes", found([]))
    run("login", "--url", "http://kept.test", "--key", "lt_kept")
    nameless(monkeypatch)
    assert run("jobs", "list", "--url", "http://other.test").exit_code == 2


def test_a_wrong_key_is_not_kept(service: Played, run: Run) -> None:
    service.on("GET /v1/recipes", problem(401, "unauthenticated", "unknown"))
    assert run("login", "--url", "http://kept.test", "--key", "lt_bad").exit_code == 4
    assert not logins.file().exists()
    logins.file().parent.mkdir(parents=True)
    logins.file().write_text("{")
    assert "damaged" in run("jobs", "list", "--key", "lt_k").stderr or service.asked


def test_options_go_before_variables(service: Played, run: Run) -> None:
    service.on("GET /v1/jobs", page())
    run("jobs", "list", "--url", "http://option.test", "--key", "lt_option")
    (asked,) = service.asked
    assert asked.url.host == "option.test"
    assert asked.headers["authorization"] == "Bearer lt_option"
