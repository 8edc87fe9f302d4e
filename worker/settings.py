"""Every setting of a worker: one environment variable each, with one default.

The names that the API also reads (`app.settings`) mean the same there.
"""

import os
import tempfile
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from `LATHE_<NAME>`; `Settings(name=value)` in tests."""

    model_config = SettingsConfigDict(env_prefix="LATHE_", frozen=True, extra="ignore")

    database_url: str = Field(
        "sqlite:///data/lathe.db", description="sqlite:///file or postgresql://user@host/db"
    )
    objects_url: str = Field(
        default_factory=lambda: f"file://{Path('data/objects').resolve()}",
        pattern=r"^(file:///|s3://)",
        description="file:///folder or s3://bucket/prefix?endpoint=...; default data/objects",
    )
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    broker_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Where hints go: redis, redis+socket, sqla+..."
    )
    work_dir: Path = Field(
        Path(tempfile.gettempdir()) / "lathe-work", description="Where jobs have their folders."
    )
    lock_path: Path = Field(
        Path(tempfile.gettempdir()) / "lathe-timing.lock",
        description="One file a host: timing holds it alone, other work shares it.",
    )
    lease_s: float = Field(60.0, gt=0, description="A worker silent this long loses its job.")
    sweep_s: float = Field(5.0, gt=0, description="Between looks for lost leases and hints.")
    rehint_s: float = Field(30.0, gt=0, description="A queued job is hinted at this often.")
    sandbox: Literal["required", "auto", "off"] = Field(
        "auto", description="required refuses to run without landlock and seccomp; auto warns."
    )
    child_memory_bytes: int = Field(
        16 << 30, ge=1 << 30, description="Address space of a compression."
    )
    inspect_memory_bytes: int = Field(
        8 << 30, ge=1 << 30, description="Address space of an inspection."
    )
    child_file_bytes: int = Field(32 << 30, ge=1 << 20, description="Of one file a job writes.")
    inspect_max_run_s: int = Field(900, ge=1, description="Of one inspection.")
    threads: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        description="CPU threads of a compression; default every core.",
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
