"""What can never work stops the start; what may come back does not."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.settings import Settings
from app.store.db import sync_engine
from app.store.migrate import downgrade, upgrade
from app.store.preflight import preflight, unusable_folder


def at(folder: Path, **more: str) -> Settings:
    places: dict[str, Any] = {
        "database_url": f"sqlite:///{folder}/lathe.db",
        "objects_url": f"file://{folder}/objects",
    }
    return Settings(**{**places, **more})


def stamped(folder: Path, revision: str) -> None:
    engine = sync_engine(f"sqlite:///{folder}/lathe.db")
    with engine.begin() as connection:
        connection.execute(text("create table alembic_version (version_num varchar(32))"))
        connection.execute(text("insert into alembic_version values (:v)"), {"v": revision})
    engine.dispose()


def stopped_with(settings: Settings) -> str:
    with pytest.raises(SystemExit) as stopped:
        preflight(settings)
    line = str(stopped.value)
    assert "\n" not in line
    return line


def test_a_database_without_tables_is_told_how_to_get_them(tmp_path: Path) -> None:
    line = stopped_with(at(tmp_path))
    assert line.startswith("LATHE_DATABASE_URL: ")
    assert line.endswith("run python -m app.migrate")
    assert not (tmp_path / "lathe.db").exists()


def test_a_migrated_database_is_right_and_an_older_one_is_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lathe.db"
    upgrade(url)
    preflight(at(tmp_path))
    downgrade(url, "0001")
    assert "older release" in stopped_with(at(tmp_path))


def test_a_newer_database_is_worked_with_unless_that_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stamped(tmp_path, "9999")
    preflight(at(tmp_path))
    assert "newer release" in caplog.text
    assert "LATHE_SCHEMA_AHEAD" in stopped_with(at(tmp_path, schema_ahead="refuse"))


def test_a_server_that_does_not_answer_is_awaited(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = at(tmp_path, database_url=f"postgresql://u:hush@/x?host={tmp_path}")
    preflight(settings)
    assert "does not answer" in caplog.text
    assert "hush" not in caplog.text


def test_a_file_in_a_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file")
    line = stopped_with(at(tmp_path))
    assert line == f"LATHE_OBJECTS_URL: {tmp_path}/objects is a file where a folder is needed"
    assert unusable_folder(tmp_path / "objects" / "deeper") == line.split(": ")[1]


def test_a_folder_that_can_be_made_is_no_trouble(tmp_path: Path) -> None:
    assert unusable_folder(tmp_path / "a" / "b") is None
    assert not (tmp_path / "a").exists()


def test_a_folder_of_somebody_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "correct its owner" in str(unusable_folder(Path("/")))
