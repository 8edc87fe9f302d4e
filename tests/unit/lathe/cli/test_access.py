"""`lathe keys`, `webhooks`, `audit`, `login` and `logout`: what they ask and what they say."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from lathe import ids
from lathe.cli import app
from tests.unit.lathe.cli.played import JOB, NOW, Played, found, page

Run = Callable[..., Result]
KEY, NEW, HOOK, MESSAGE = ids.new("key"), ids.new("key"), ids.new("whk"), ids.new("msg")
SECRET = "whsec_c2VjcmV0"


def key(key_id: str, **more: Any) -> dict[str, Any]:
    view = {"id": key_id, "project": "prj_x", "name": "ci", "scopes": ["read"]}
    return view | {"created_at": NOW} | more


def hook(**more: Any) -> dict[str, Any]:
    view = {"id": HOOK, "name": "ci", "url": "https://h.example/", "events": ["job.failed"]}
    return view | {"created_at": NOW} | more


def delivery(state: str = "dead", **more: Any) -> dict[str, Any]:
    view = {"id": MESSAGE, "type": "ping", "job": None, "state": state, "attempts": 9}
    return view | {"body": "{}", "created_at": NOW} | more


PROJECT = {"id": ids.new("prj"), "name": "vision", "created_at": NOW}
GONE = f"DELETE /v1/projects/{PROJECT['id']}"


def asked(service: Played, place: str) -> Any:
    (request,) = service.sent(place)
    return json.loads(request.content or "null")


@pytest.mark.parametrize("days", ["0", "36501", "1000000000000"])
def test_a_key_lasts_from_a_day_to_a_century(days: str, service: Played, run: Run) -> None:
    ended = run("keys", "create", "ci", "--days", days)
    assert (ended.exit_code, "--days" in ended.stderr) == (2, True)
    assert service.asked == []


def test_a_rotated_keys_successor_is_all_of_stdout(service: Played, run: Run) -> None:
    service.on(f"POST /v1/keys/{KEY}/rotate", found(key(NEW, key="lt_new"), 201))
    ended = run("keys", "rotate", KEY, "--grace-hours", "1.5")
    assert (ended.exit_code, ended.stdout) == (0, "lt_new\n")
    assert f"{NEW} takes the place of {KEY}" in ended.stderr
    assert asked(service, f"POST /v1/keys/{KEY}/rotate") == {"grace_s": 5400}


def test_the_list_says_when_a_key_was_used_and_how_it_stands(service: Played, run: Run) -> None:
    gone = key(KEY, revoked_at=NOW, replaced_by=NEW)
    used = key(NEW, last_used_at="2026-03-04T05:06:07Z", expires_at="2027-01-01T00:00:00Z")
    service.on("GET /v1/keys", page(gone, used))
    lines = run("keys", "list").stdout.splitlines()
    assert "never" in lines[1]
    assert "revoked" in lines[1]
    assert "2026-03-04 05:00" in lines[2]
    assert "until 2027-01-01 00:00" in lines[2]


def test_what_says_nothing_says_one_value_with_json(
    service: Played, run: Run, tmp_path: Path
) -> None:
    service.on(f"DELETE /v1/keys/{KEY}", found(None, 204))
    service.on(f"DELETE /v1/jobs/{JOB}", found(None, 204))
    service.on(f"DELETE /v1/webhooks/{HOOK}", found(None, 204))
    service.on("GET /v1/recipes", found([]))
    login = str(tmp_path / "config" / "lathe" / "login.json")
    for words, value in (
        (("keys", "revoke", KEY), {"revoked": KEY}),
        (("jobs", "delete", JOB), {"deleted": JOB}),
        (("webhooks", "delete", HOOK), {"deleted": HOOK}),
        (("login",), {"url": "http://lathe.test", "file": login}),
        (("logout",), {"file": login}),
    ):
        ended = run(*words, "--json")
        assert ended.exit_code == 0, ended.output
        assert json.loads(ended.stdout) == value


def test_a_webhooks_secret_is_all_of_stdout(service: Played, run: Run) -> None:
    service.on("POST /v1/webhooks", found(hook(secret=SECRET), 201))
    service.on(f"POST /v1/webhooks/{HOOK}/rotate", found(hook(secret=SECRET)))
    made = run("webhooks", "create", "https://h.example/", "--event", "job.failed")
    assert (made.exit_code, made.stdout) == (0, f"{SECRET}\n")
    body = {"url": "https://h.example/", "events": ["job.failed"]}
    assert asked(service, "POST /v1/webhooks") == body
    rotated = run("webhooks", "rotate", HOOK, "--grace-hours", "0", "--json")
    assert json.loads(rotated.stdout)["secret"] == SECRET
    assert asked(service, f"POST /v1/webhooks/{HOOK}/rotate") == {"grace_s": 0}


def test_webhooks_are_listed_tried_enabled_and_told_again(service: Played, run: Run) -> None:
    path = f"/v1/webhooks/{HOOK}"
    disabled = hook(disabled_at=NOW, disabled_because="it answered 410: gone")
    service.on("GET /v1/webhooks", page(disabled))
    service.on(f"POST {path}/enable", found(hook()))
    service.on(f"POST {path}/test", found(delivery("pending"), 202))
    dead = delivery(last_status=500, last_error="it answered 500")
    service.on(f"GET {path}/deliveries", page(dead))
    service.on(f"POST {path}/deliveries/{MESSAGE}/redeliver", found(delivery("pending"), 202))
    assert "disabled: it answered 410: gone" in run("webhooks", "list").stdout
    assert run("webhooks", "enable", HOOK).exit_code == 0
    assert MESSAGE in run("webhooks", "ping", HOOK).stderr
    shown = run("webhooks", "deliveries", HOOK, "--state", "dead", "--limit", "3")
    assert "it answered 500" in shown.stdout
    (request,) = service.sent(f"GET {path}/deliveries")
    assert dict(request.url.params) == {"state": "dead", "limit": "3"}
    again = run("webhooks", "redeliver", HOOK, MESSAGE)
    assert (again.exit_code, "on its way again" in again.stderr) == (0, True)
    wrong = run("webhooks", "deliveries", HOOK, "--state", "ded")
    assert (wrong.exit_code, "did you mean dead?" in wrong.stderr) == (2, True)


def test_the_audit_is_asked_for_in_utc_and_names_who_did_it(service: Played, run: Run) -> None:
    trace = {"id": ids.new("aud"), "at": NOW, "action": "model.expire", "target": "mdl_x"}
    by_itself = trace | {"key": None, "request_id": None, "data": {}}
    by_hand = by_itself | {"action": "key.create", "data": {"by": "operator"}}
    with_key = by_itself | {"key": KEY, "request_id": "r-1"}
    service.on("GET /v1/audit", page(by_itself, with_key, by_hand))
    ended = run("audit", "--action", "model", "--since", "2026-01-02", "--limit", "7")
    assert ended.exit_code == 0, ended.output
    first, second, third = ended.stdout.splitlines()[1:]
    assert "the service" in first
    assert KEY in second
    assert "r-1" in second
    assert "the operator" in third
    (request,) = service.sent("GET /v1/audit")
    since = "2026-01-02T00:00:00+00:00"
    assert dict(request.url.params) == {"action": "model", "since": since, "limit": "7"}


def test_the_audit_is_asked_for_by_the_id_of_a_key_and_never_by_its_secret(
    service: Played, run: Run
) -> None:
    service.on("GET /v1/audit", page())
    assert run("audit", "--by", KEY, "--target", "mdl_x").exit_code == 0
    (request,) = service.sent("GET /v1/audit")
    assert dict(request.url.params) == {"key": KEY, "target": "mdl_x", "limit": "50"}
    printable = f"lt_{KEY.removeprefix('key_')}_hunter2"
    for wrong in (printable, "ci", f"{KEY}_hunter2"):
        ended = run("audit", "--by", wrong)
        assert (ended.exit_code, "`lathe keys list`" in ended.stderr) == (2, True)
        assert "hunter2" not in ended.output
    assert len(service.asked) == 1


@pytest.mark.parametrize("words", [("keys", "rotate", KEY), ("webhooks", "rotate", HOOK)])
def test_a_grace_of_more_than_thirty_days_is_a_slip(
    service: Played, run: Run, words: tuple[str, ...]
) -> None:
    assert run(*words, "--grace-hours", "721").exit_code == 2
    assert service.asked == []


@pytest.fixture
def vision(service: Played) -> Played:
    """A service at which the key is of the project vision."""
    service.on("GET /v1/projects", page(PROJECT))
    return service.on(GONE, httpx.Response(202))


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = SimpleNamespace(isatty=lambda: True)
    module = import_module("lathe.cli.projects")  # its name there is the command's
    monkeypatch.setattr(module, "sys", SimpleNamespace(stdin=stdin))


def test_a_project_is_listed_and_goes_by_id_or_name_where_nobody_is_to_be_asked(
    vision: Played, run: Run
) -> None:
    assert PROJECT["id"] in run("projects", "list").stdout
    for given in (PROJECT["id"], "vision"):
        ended = run("projects", "delete", given, "--yes", "--json")
        assert (ended.exit_code, json.loads(ended.stdout)) == (0, {"deleted": PROJECT["id"]})
        assert f"{PROJECT['id']} (vision) is deleted" in ended.stderr
    assert [str(each.url.query) for each in vision.sent(GONE)] == ["b''", "b''"]
    run("projects", "delete", "vision", "--yes", "--cancel-jobs")
    assert list(vision.sent(GONE))[-1].url.query == b"cancel_jobs=true"


def test_a_project_is_not_deleted_where_nobody_can_be_asked(vision: Played, run: Run) -> None:
    ended = run("projects", "delete", "vision")
    assert ended.exit_code == 2
    assert "--yes" in ended.stderr
    assert list(vision.sent(GONE)) == []


def test_another_project_is_not_deleted_with_this_key(vision: Played, run: Run) -> None:
    ended = run("projects", "delete", ids.new("prj"), "--yes")
    assert ended.exit_code == 2
    assert f"but of {PROJECT['id']} (vision)" in ended.stderr
    assert list(vision.sent(GONE)) == []


@pytest.mark.parametrize(("typed", "status", "deleted"), [("vision", 0, 1), ("y", 2, 0)])
def test_a_project_goes_when_its_name_is_typed_and_for_no_other_word(
    vision: Played, monkeypatch: pytest.MonkeyPatch, typed: str, status: int, deleted: int
) -> None:
    at_a_terminal(monkeypatch)
    words = ["projects", "delete", str(PROJECT["id"])]
    ended = CliRunner().invoke(app, words, input=f"{typed}\n")
    assert ended.exit_code == status, ended.output
    assert "cannot come back" in ended.stderr
    assert len(list(vision.sent(GONE))) == deleted


def test_a_deletion_that_is_cut_off_is_not_sent_again(vision: Played, run: Run) -> None:
    vision.on(GONE, httpx.ReadError("cut"))
    ended = run("projects", "delete", "vision", "--yes")
    assert ended.exit_code == 3
    assert len(list(vision.sent(GONE))) == 1
