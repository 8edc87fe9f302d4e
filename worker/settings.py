"""Every setting of a worker alone; what the API reads too is in `app.store.settings`."""

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from app.store.settings import SharedSettings
from worker.sandbox.cgroup import memory_limit_bytes

_LONGEST_RETRY_S = 7 * 86_400.0
_CHILD_MEMORY_BYTES, _WORKER_MEMORY_BYTES = 16 << 30, 1 << 30
_FILES_AT_ONCE = 4  # of the largest size: a model, two checkpoints and what is written next
_THREADS_A_CORE = 16  # torch and onnxruntime each have pools of their own


class Settings(SharedSettings):
    """Read from `LATHE_<NAME>`; `Settings(name=value)` in tests."""

    work_dir: Path = Field(
        Path(tempfile.gettempdir()) / "lathe-work", description="Where jobs have their folders."
    )
    lock_path: Path = Field(
        Path(tempfile.gettempdir()) / "lathe-timing.lock",
        description="One file a host: timing holds it alone, other work shares it.",
    )
    slots: int = Field(
        1, ge=1, le=256, description="Jobs that one worker runs at once, each in a process."
    )
    drain_s: float = Field(
        25.0,
        ge=0,
        description="A worker that is stopped lets its job go on for so long; 0 hands it back.",
    )
    database_patience_s: float = Field(
        900.0,
        gt=0,
        description="A worker that cannot reach the database keeps its job for so long.",
    )
    objects_patience_s: float = Field(
        120.0,
        ge=0,
        description="A job whose files cannot be read or written tries again for so long.",
    )
    objects_retry_s: float = Field(
        60.0, ge=0, description="After that it goes back to its queue and waits for so long."
    )
    lease_s: float = Field(60.0, gt=0, description="A worker silent this long loses its job.")
    sweep_s: float = Field(5.0, gt=0, description="Between looks for lost leases and hints.")
    rehint_s: float = Field(30.0, gt=0, description="A queued job is hinted at this often.")
    reroute_s: float = Field(
        60.0,
        ge=0,
        description="`device: auto` jobs leave a queue that nobody has served for so long.",
    )
    nice: int = Field(
        0,
        ge=0,
        le=19,
        description="Of the processes that run jobs: the higher, the more others go first; "
        "at 19 they run where nobody else wants to; `lathe up` sets 5.",
    )
    sandbox: Literal["required", "auto", "off"] = Field(
        "auto", description="required refuses to run without landlock and seccomp; auto warns."
    )
    child_memory_bytes: int = Field(
        default_factory=lambda: _memory_of_a_child(),  # noqa: PLW0108
        ge=1 << 30,
        description="What a compression may allocate; files it maps come on top. Default 16 "
        "GiB, or 1 GiB less than the worker's container has where that is less.",
    )
    inspect_memory_bytes: int = Field(
        default_factory=lambda: _memory_of_a_child(),  # noqa: PLW0108
        ge=1 << 30,
        description="What an inspection may allocate, by default as much; files it maps come "
        "on top, but for the weights of a model, which its runtime maps as if they were its "
        "own.",
    )
    child_file_bytes: int = Field(32 << 30, ge=1 << 20, description="Of one file a job writes.")
    child_folder_bytes: int = Field(
        default_factory=lambda given: _FILES_AT_ONCE * given.get("child_file_bytes", 32 << 30),
        ge=1 << 20,
        description="Of all files that a job has written and not deleted; default four times "
        "LATHE_CHILD_FILE_BYTES.",
    )
    child_files: int = Field(
        1_000_000, ge=1000, description="Files and folders that a job may have at once."
    )
    child_threads: int = Field(
        default_factory=lambda: max(512, _THREADS_A_CORE * (os.cpu_count() or 1)),
        ge=64,
        description="Threads of a job's process; default 16 a core, at least 512.",
    )
    inspect_max_run_s: int = Field(900, ge=1, description="Of one inspection.")
    fetch_max_run_s: int = Field(
        3600, ge=1, description="Of fetching one upload by reference, its repeats included."
    )
    fetch_silence_s: float = Field(
        20.0, gt=0, le=600, description="A source that is silent for so long is asked again."
    )
    signing_key_file: Path = Field(
        Path("data/signing-key.pem"),
        description="The Ed25519 key that manifests are signed with, as PEM; made where there "
        "is none. Every worker of an installation should have the same.",
    )
    sources_s3_endpoint: str | None = Field(
        None,
        pattern="^https?://[^/]+$",
        description="The S3 server of sources, as http://host:port; default AWS.",
    )
    sources_s3_region: str = Field("us-east-1", description="Of the buckets of sources.")
    sources_s3_access_key_id: str | None = Field(
        None,
        description="The key that reads sources: one that may do nothing else. Without it the "
        "usual AWS chain is asked.",
    )
    sources_s3_secret_access_key: SecretStr | None = Field(None, description="Its secret.")
    training_every_s: float = Field(
        60.0,
        ge=0,
        description="A training tells how far it is this often; a killed one loses no more.",
    )
    webhook_timeout_s: float = Field(
        15.0, gt=0, le=60, description="Of one delivery, from the look-up to the answer."
    )
    webhook_retries_s: str = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400",
        description="Seconds before each further try of a delivery, with commas; each is "
        "stretched by up to a fifth by chance. After the last it is dead.",
    )
    threads: int = Field(
        default_factory=lambda given: max(
            1, len(os.sched_getaffinity(0)) // given.get("slots", 1)
        ),
        ge=1,
        description="CPU threads of a compression; default every core, shared by the slots.",
    )

    @field_validator(
        "sources_s3_endpoint",
        "sources_s3_access_key_id",
        "sources_s3_secret_access_key",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        return value or None

    @field_validator("webhook_retries_s")
    @classmethod
    def _retries_are_seconds(cls, text: str) -> str:
        try:
            waits = _seconds(text)
        except ValueError:
            waits = (-1.0,)
        if not all(0 < wait <= _LONGEST_RETRY_S for wait in waits):
            raise ValueError("write seconds, at most a week each, such as 5,300,1800")
        return text

    @property
    def webhook_retries(self) -> tuple[float, ...]:
        """Seconds before each further try of a delivery."""
        return _seconds(self.webhook_retries_s)


def _memory_of_a_child() -> int:
    """So that a job ends with a sentence before the kernel ends the container."""
    container = memory_limit_bytes()
    if container is None:
        return _CHILD_MEMORY_BYTES
    return min(_CHILD_MEMORY_BYTES, max(1 << 30, container - _WORKER_MEMORY_BYTES))


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part.strip())


if __name__ == "__main__":  # a check: silent, or one line and 1
    Settings.from_environment()
