"""The settings that the service and its workers share: one environment variable each.

Both sides read them here, so a name means the same everywhere. What only one side reads is in
`app.settings` and `worker.settings`.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SharedSettings(BaseSettings):
    """Read from `LATHE_<NAME>`; `Settings(name=value)` in tests."""

    model_config = SettingsConfigDict(env_prefix="LATHE_", frozen=True, extra="ignore")

    database_url: str = Field(
        "sqlite:///data/lathe.db",
        pattern=r"^(sqlite:///.|postgresql://)",
        description="sqlite:///file or postgresql://user@host/db",
    )
    objects_url: str = Field(
        default_factory=lambda: f"file://{Path('data/objects').resolve()}",
        pattern=r"^(file:///|s3://)",
        description="file:///folder or s3://bucket/prefix?endpoint=...; default data/objects",
    )
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    broker_url: str = Field(
        "redis://127.0.0.1:6379/0",
        pattern="^[a-z][a-z0-9+]*://",
        description="Where hints go: redis://, redis+socket:// or sqla+sqlite://",
    )
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; a wrong value ends the process with one line naming it."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = "LATHE_" + "_".join(str(part) for part in first["loc"]).upper()
            raise SystemExit(f"{name}: {first['msg']}") from None
