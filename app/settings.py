"""Every setting of the service: one environment variable each, with one default.

Values that cannot work are refused here; whether a server answers is for `/readyz` to say.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Bytes = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """Read from `LATHE_<NAME>`; `Settings(name=value)` in tests."""

    model_config = SettingsConfigDict(env_prefix="LATHE_", frozen=True, extra="ignore")

    database_url: str = Field(
        "sqlite:///data/lathe.db",
        pattern=r"^(sqlite:///.|postgresql://)",
        description="sqlite:///file or postgresql://user@host/db",
    )
    database_pool_size: int = Field(8, ge=1, le=100, description="Connections of a process.")
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
    broker_timeout_s: float = Field(
        1.0, gt=0, le=30, description="A hint that takes longer is left to the sweep."
    )
    max_model_bytes: Bytes = Field(8 << 30, description="Of one uploaded model.")
    max_dataset_bytes: Bytes = Field(32 << 30, description="Of one uploaded data set.")
    max_json_bytes: Bytes = Field(1 << 20, description="Of every other request body.")
    page_size: int = Field(50, ge=1, le=200, description="Of a list that names no limit.")
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
