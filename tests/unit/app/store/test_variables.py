"""A misspelt variable is found before it silently keeps a default."""

import pytest

from app.settings import Settings
from app.store.variables import KNOWN, SETTINGS, unknown_variable
from worker.keep_settings import KeepSettings
from worker.settings import Settings as WorkerSettings


def test_the_list_has_every_setting_of_both_sides_and_no_other() -> None:
    fields = {*Settings.model_fields, *WorkerSettings.model_fields, *KeepSettings.model_fields}
    assert {f"LATHE_{name.upper()}" for name in fields} == SETTINGS
    assert {"LATHE_URL", "LATHE_KEY", "LATHE_VALKEY_BIN"} < KNOWN


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("LATHE_DATABSE_URL", "did you mean LATHE_DATABASE_URL?"),
        ("LATHE_DATABASE_POOLSIZE", "did you mean LATHE_DATABASE_POOL_SIZE?"),
        ("LATHE_QUUXQUUX", "remove it"),
    ],
)
def test_a_slip_is_named_with_what_was_meant(name: str, remedy: str) -> None:
    said = unknown_variable(["PATH", "LATHE_DATABASE_URL", name])
    assert said == f"{name}: there is no such setting; {remedy}"


def test_what_others_set_is_left_alone() -> None:
    kubernetes = [
        "LATHE_SERVICE_HOST",
        "LATHE_API_SERVICE_PORT_HTTP",
        "LATHE_PORT",
        "LATHE_API_PORT_8000_TCP_ADDR",
    ]
    assert unknown_variable(["LATHETIC", "HOME", *kubernetes]) is None
    assert unknown_variable(["LATHE_PORTS"]) is not None
