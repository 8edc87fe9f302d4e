"""Settings come from the environment, and a wrong one stops the start with one line."""

import pytest

from app.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LATHE_{name.upper()}", raising=False)


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
