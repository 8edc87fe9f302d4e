"""Settings come from the environment, and a wrong one stops the start with one line."""

import os

import pytest

from app.settings import Settings
from app.store.waits import Waits


@pytest.fixture(autouse=True)
def _no_settings_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LATHE_")]:
        monkeypatch.delenv(name)


def test_every_setting_has_a_default() -> None:
    settings = Settings.from_environment()
    assert settings.database_url == "sqlite:///data/lathe.db"
    assert settings.objects_url.startswith("file:///")
    assert settings.objects_url.endswith("/data/objects")


def test_a_variable_overrides_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATHE_MAX_MODEL_BYTES", "77")
    monkeypatch.setenv("LATHE_S3_SECRET_ACCESS_KEY", "hush")
    settings = Settings.from_environment()
    assert settings.max_model_bytes == 77
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LATHE_MAX_JSON_BYTES", "many"),
        ("LATHE_PAGE_SIZE", "0"),
        ("LATHE_LOG_FORMAT", "xml"),
        ("LATHE_DATABASE_URL", "mysql://root@localhost/lathe"),
        ("LATHE_OBJECTS_URL", "objects"),
        ("LATHE_BROKER_URL", "localhost:6379"),
        ("LATHE_DATABASE_POOL_SIZE", "0"),
        ("LATHE_DATABASE_STATEMENT_TIMEOUT_S", "-1"),
        ("LATHE_OBJECTS_URL", "s3://bucket/prefix?endpoint=http://127.0.0.1:1"),
        ("LATHE_OBJECTS_URL", "s3://bucket?endpoint=127.0.0.1:1"),
        ("LATHE_OBJECTS_URL", "s3://bucket?regoin=eu"),
        ("LATHE_DATABSE_URL", "sqlite:///lathe.db"),
    ],
)
def test_a_wrong_value_stops_the_start_with_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        Settings.from_environment()
    line = str(stopped.value)
    assert line.startswith(f"{name}: ")
    assert "\n" not in line


def test_no_line_shows_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("mysql://u:hush@h/x", "postgresql://u:hush@h:port/x", "postgresql://u:hush@h"):
        monkeypatch.setenv("LATHE_DATABASE_URL", url)
        with pytest.raises(SystemExit) as stopped:
            Settings.from_environment()
        assert "hush" not in str(stopped.value)


def test_a_bucket_at_amazon_needs_no_keys_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATHE_OBJECTS_URL", "s3://bucket/prefix?region=eu-central-1")
    assert Settings.from_environment().s3_access_key_id is None


def test_the_waits_are_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATHE_DATABASE_STATEMENT_TIMEOUT_S", "2.5")
    monkeypatch.setenv("LATHE_DATABASE_POOL_WAIT_S", "1.5")
    assert Settings.from_environment().database_waits == Waits(3.0, 2.5, 1.5)
