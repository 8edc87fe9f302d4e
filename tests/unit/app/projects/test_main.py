"""`python -m app.projects key`: the way back in, tried at a service that is running."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.projects.__main__ import main

pytestmark = pytest.mark.anyio
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path) -> Any:
    """Types the command for the data folder of the world; its status, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        given = ["python -m app.projects", "--data", str(tmp_path), *words]
        monkeypatch.setattr(sys, "argv", given)
        capsys.readouterr()  # what the service logged
        try:
            status = main()
        except SystemExit as ended:
            status = int(str(ended.code))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


async def test_a_project_whose_last_admin_key_is_gone_gets_another(
    world: Any, typed: Any
) -> None:
    last = "key_" + world.key.split("_")[1]
    assert (await world.client.delete(f"/v1/keys/{last}")).status_code == 204
    assert (await world.client.post("/v1/keys", json={"name": "k"})).status_code == 401
    status, out, err = typed("key", "default")
    assert (status, err, out.count("\n")) == (0, "", 1)
    back = await world.as_key(out.strip())
    newest, *_ = (await back.get("/v1/keys")).json()["items"]
    assert (newest["name"], newest["expires_at"]) == ("operator", None)
    assert newest["scopes"] == ["read", "write", "admin"]
    trace, *_ = (await back.get("/v1/audit?action=key.create")).json()["items"]
    assert (trace["target"], trace["key"], trace["request_id"]) == (newest["id"], None, None)
    assert trace["data"] == {"by": "operator", "scopes": ["read", "write", "admin"]}
    assert out.strip().split("_", 2)[2] not in str(trace)
    assert (await back.post("/v1/projects", json={"name": "vision"})).status_code == 201


async def test_a_key_may_be_given_a_name_less_scopes_and_an_end(world: Any, typed: Any) -> None:
    status, out, _ = typed(
        *("key", "other", "--name", "look", "--scope", "write", "--scope", "read"),
        *("--days", "3"),
    )
    assert status == 0
    (row,) = [
        key
        for key in (await world.stranger.get("/v1/keys")).json()["items"]
        if key["name"] == "look"
    ]
    assert row["scopes"] == ["read", "write"]
    assert lifetime_s(row) == pytest.approx(3 * 86_400, abs=1)
    narrow = await world.as_key(out.strip())
    assert (await narrow.get("/v1/models")).json()["items"] == []
    assert (await narrow.get("/v1/keys")).status_code == 403


def lifetime_s(key: dict[str, str]) -> float:
    made, ends = (datetime.fromisoformat(key[name]) for name in ("created_at", "expires_at"))
    return (ends - made).total_seconds()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nobody",), "there is no project 'nobody'; `list` shows them all"),
        (("default", "--name", " "), "the key's name: "),
        (("default", "--name", "a\x1b[2J"), "a control character, U+001B"),
        (("default", "--scope", "root"), "invalid choice: 'root'"),
        (("default", "--days", "0"), "'0' is no number of days from 1 to 36500"),
        (("default", "--days", "36501"), "'36501' is no number of days"),
        (("default", "--days", "1.5"), "'1.5' is no number of days"),
    ],
)
async def test_what_is_wrong_is_said_and_makes_no_key(
    world: Any, typed: Any, words: tuple[str, ...], why: str
) -> None:
    status, out, err = typed("key", *words)
    assert (status, out) == (2, "")
    assert why in err
    assert len((await world.client.get("/v1/keys")).json()["items"]) == 1
    assert (await world.client.get("/v1/audit")).json()["items"] == []


async def test_a_deleted_project_is_given_no_key(world: Any, typed: Any) -> None:
    (other,) = (await world.stranger.get("/v1/projects")).json()["items"]
    assert (await world.stranger.delete(f"/v1/projects/{other['id']}")).status_code == 202
    for wanted in ("other", other["id"], f"deleted {other['id']}"):
        status, out, err = typed("key", wanted)
        assert (status, out, "there is no project" in err) == (2, "", True)
