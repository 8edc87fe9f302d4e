"""The settings that the service and its workers share: one environment variable each.

Both sides read them here, so a name means the same everywhere. What only one side reads is in
`app.settings` and `worker.settings`; `app.store.variables` knows every name.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.store.blobs.object_store import TIMEOUT_S, checked_url
from app.store.db import check_database_url
from app.store.outbound import Allowed, Buckets
from app.store.quotas.limits import Limits
from app.store.variables import AWS_KEYS, unknown_variable

Bytes = Annotated[int, Field(ge=1)]


class SharedSettings(BaseSettings):
    """Read from `LATHE_<NAME>`; `Settings(name=value)` in tests."""

    model_config = SettingsConfigDict(env_prefix="LATHE_", frozen=True, extra="ignore")

    database_url: str = Field(
        "sqlite:///data/lathe.db", description="sqlite:///file or postgresql://user@host/db"
    )
    database_connect_timeout_s: float = Field(
        3.0, gt=0, le=60, description="Until a connection to the database stands."
    )
    schema_ahead: Literal["refuse", "allow"] = Field(
        "allow",
        description="Whether to start on a database that a newer release has migrated; "
        "migrations only add, so both releases work side by side during an upgrade.",
    )
    objects_url: str = Field(
        default_factory=lambda: f"file://{Path('data/objects').resolve()}",
        description="file:///folder or s3://bucket/prefix?endpoint=...; default data/objects",
    )
    objects_timeout_s: float = Field(
        TIMEOUT_S, gt=0, le=600, description="Of one request to a bucket, of at most 8 MiB."
    )
    s3_access_key_id: str | None = Field(
        None, description="Of the bucket; default: what the usual AWS chain finds."
    )
    s3_secret_access_key: SecretStr | None = Field(None, description="Of that access key.")
    broker_url: str = Field(
        "redis://127.0.0.1:6379/0",
        pattern="^[a-z][a-z0-9+]*://",
        description="Where hints go: redis://, redis+socket:// or sqla+sqlite://",
    )
    outbound_allow: str = Field(
        "",
        description="Hosts and networks, with commas, that webhooks and sources may reach "
        "beside the public internet; http and any port are fine there.",
    )
    sources_s3_buckets: str = Field(
        "",
        description="Buckets, or folders of them, that every project may name as the source of "
        "an upload, with commas: models, shared/exports. By default none.",
    )
    max_model_bytes: Bytes = Field(8 << 30, description="Of one uploaded or fetched model.")
    max_dataset_bytes: Bytes = Field(
        32 << 30, description="Of one uploaded or fetched data set."
    )
    quota_stored_bytes: int | None = Field(
        None,
        ge=0,
        description="Models, data sets, artifacts and unfinished uploads of one project; "
        "default any number. A project's own limit goes before this and the next four.",
    )
    quota_unfinished_jobs: int | None = Field(
        None, ge=0, description="Of one project at once; default any number."
    )
    running_per_project: int | None = Field(
        None, ge=1, description="Of one project at once in one queue; default any number."
    )
    running_gpu_per_project: int | None = Field(
        None,
        ge=1,
        description="The same in the queue gpu; default LATHE_RUNNING_PER_PROJECT.",
    )
    quota_gpu_minutes: int | None = Field(
        None, ge=0, description="Of one project in a calendar month (UTC); default any number."
    )
    traces_url: str | None = Field(
        None,
        pattern="^https?://[^/]+",
        description="The OpenTelemetry collector that is told where time goes, over OTLP/HTTP, "
        "such as http://collector:4318; by default nobody is.",
    )
    traces_share: float = Field(
        1.0, ge=0, le=1, description="Of the traces that begin here, so many are told."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="json: one object a line, for machines; console: for people."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least grave lines that are written."
    )

    @field_validator(
        "quota_stored_bytes",
        "quota_unfinished_jobs",
        "quota_gpu_minutes",
        "running_per_project",
        "running_gpu_per_project",
        mode="before",
    )
    @classmethod
    def _empty_is_any_number(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("database_url")
    @classmethod
    def _database_url_is_one(cls, url: str) -> str:
        check_database_url(url)
        return url

    @field_validator("sources_s3_buckets")
    @classmethod
    def _sources_s3_buckets_are_some(cls, text: str) -> str:
        Buckets.parse(text)
        return text

    @field_validator("traces_url", mode="before")
    @classmethod
    def _no_traces_url_is_none(cls, value: Any) -> Any:
        return value or None

    @property
    def open_buckets(self) -> Buckets:
        """The buckets that tenants may name as a source."""
        return Buckets.parse(self.sources_s3_buckets)

    @field_validator("outbound_allow")
    @classmethod
    def _outbound_allow_names_places(cls, text: str) -> str:
        Allowed.parse(text)
        return text

    @property
    def limits(self) -> Limits:
        """What a project may use that has no limits of its own."""
        gpu = self.running_gpu_per_project
        return Limits(
            stored_bytes=self.quota_stored_bytes,
            unfinished_jobs=self.quota_unfinished_jobs,
            running_jobs=self.running_per_project,
            running_gpu=self.running_per_project if gpu is None else gpu,
            gpu_minutes=self.quota_gpu_minutes,
        )

    @property
    def outbound_allowed(self) -> Allowed:
        """What the operator trusts beside the public internet."""
        return Allowed.parse(self.outbound_allow)

    @model_validator(mode="after")
    def _objects_url_is_one(self) -> Self:
        secret = self.s3_secret_access_key
        parts = checked_url(
            self.objects_url,
            access_key_id=self.s3_access_key_id,
            secret_access_key=None if secret is None else secret.get_secret_value(),
        )
        own_server = parts.scheme == "s3" and "endpoint=" in parts.query
        if own_server and not secret and not any(name in os.environ for name in AWS_KEYS):
            raise ValueError(
                "this S3 server needs keys; set LATHE_S3_ACCESS_KEY_ID and "
                "LATHE_S3_SECRET_ACCESS_KEY"
            )
        return self

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; a wrong value or a name that does not exist ends the process
        with one line naming it."""
        if (slip := unknown_variable(os.environ)) is not None:
            raise SystemExit(slip)
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise SystemExit(cls._line(first)) from None

    @classmethod
    def _line(cls, error: ErrorDetails) -> str:
        field = str(error["loc"][0]) if error["loc"] else "objects_url"  # the one rule on all
        name, meaning = f"LATHE_{field.upper()}", cls.model_fields[field].description
        match error["type"]:
            case "value_error":
                return f"{name}: {error['msg'].removeprefix('Value error, ')}"
            case "string_pattern_mismatch":
                said = "this has not the form of one"
            case _:
                said = error["msg"]
        return f"{name}: {said}" + (f" ({meaning})" if meaning else "")
