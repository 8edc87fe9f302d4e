"""Every setting of the service alone; what workers read too is in `app.store.settings`.

Values that cannot work are refused here; whether a server answers is for `/readyz` to say.
"""

from pydantic import Field, field_validator

from app.rates.rate import Kind, rate
from app.store.settings import Bytes, SharedSettings
from app.store.waits import Waits


class Settings(SharedSettings):
    """Read from `LATHE_<NAME>`; `Settings(name=value)` in tests."""

    database_pool_size: int = Field(
        8,
        ge=1,
        le=100,
        description="Connections of a process to the database; more help where the way to it "
        "is long, none where cores are short.",
    )
    database_pool_wait_s: float = Field(
        3.0,
        gt=0,
        le=60,
        description="Of a request for one of those; then it is answered 503, and may be sent "
        "again.",
    )
    database_statement_timeout_s: float = Field(
        5.0,
        gt=0,
        le=600,
        description="Of one statement, locks included; what takes longer is answered 503.",
    )
    ready_timeout_s: float = Field(
        3.0, gt=0, le=60, description="Of each part that /readyz asks; it asks them at once."
    )
    broker_timeout_s: float = Field(
        1.0, gt=0, le=30, description="A hint that takes longer is left to the sweep."
    )
    traces_join: bool = Field(
        False,
        description="Whether to go on with a caller's trace and do as it says about sampling, "
        "which is for a service that only your own programs can reach; by default a caller's "
        "traceparent is noted as a link beside a trace of ours.",
    )
    traces_reads_share: float = Field(
        0.0, ge=0, le=1, description="Of the requests that change nothing, so many are traced."
    )
    max_open_uploads: int = Field(
        20, ge=1, le=10_000, description="Resumable uploads of one project at a time."
    )
    upload_expires_s: float = Field(
        7 * 86_400.0,
        ge=60,
        le=365 * 86_400.0,
        description="A resumable upload that brings nothing for so long is deleted.",
    )
    upload_idle_s: float = Field(
        30.0, gt=0, le=3600, description="Of silence in a request's body, then it is ended."
    )
    reader_idle_s: float = Field(
        60.0, gt=0, le=3600, description="Of a client that reads nothing, then it is cut off."
    )
    slowest_bytes_per_s: Bytes = Field(
        4096,
        description="Bodies, and readers, that are slower over the whole request are cut off; "
        "the two silences above come on top.",
    )
    head_timeout_s: float = Field(
        10.0, gt=0, le=600, description="Until the headers of a request are complete."
    )
    max_head_bytes: Bytes = Field(64 << 10, description="Of the headers of a request.")
    rate_reads: str = Field(
        "60000/minute",
        description="Requests that read, of one project: 60000/minute or 50 per 10 second; "
        "empty for any number.",
    )
    rate_writes: str = Field(
        "12000/minute", description="Requests that write, of one project, written alike."
    )
    rate_wrong_keys: str = Field(
        "3000/minute",
        description="Requests with a key that is not valid, of one address, written alike.",
    )
    max_json_bytes: Bytes = Field(1 << 20, description="Of every other request body.")
    max_streams: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="Event streams of one project that one process of the API holds open.",
    )
    max_webhooks: int = Field(20, ge=0, le=1000, description="Of one project.")
    page_size: int = Field(50, ge=1, le=200, description="Of a list that names no limit.")

    @field_validator("rate_reads", "rate_writes", "rate_wrong_keys")
    @classmethod
    def _rates_are_some(cls, text: str) -> str:
        if text:
            rate(text)
        return text

    @property
    def rates(self) -> dict[Kind, str]:
        """The limits of requests."""
        return {
            "reads": self.rate_reads,
            "writes": self.rate_writes,
            "failures": self.rate_wrong_keys,
        }

    @property
    def database_waits(self) -> Waits:
        """How long a request waits for the database."""
        return Waits(
            connect_s=self.database_connect_timeout_s,
            statement_s=self.database_statement_timeout_s,
            pool_s=self.database_pool_wait_s,
        )


if __name__ == "__main__":  # a check: silent, or one line and 1
    Settings.from_environment()
