"""How long things are kept: read by the sweep, and by who tells webhooks what happened."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from app.store.settings import Bytes, SharedSettings

DAY_S = 86_400.0
Days = Annotated[float, Field(gt=0, le=36_500)]


class KeepSettings(SharedSettings):
    """Read from `LATHE_<NAME>`; `KeepSettings(name=value)` in tests. None is for ever."""

    keep_jobs_days: Days | None = Field(
        None,
        description="A finished job is deleted after so many days, with its files, report, "
        "numbers and events; by default never.",
    )
    keep_artifacts_days: Days | None = Field(
        None,
        description="The files and reports of a finished job are deleted after so many days; "
        "the job with its verdict stays. By default never.",
    )
    keep_unused_uploads_days: Days | None = Field(
        None,
        description="A model or data set that is older than so many days and that no job has "
        "named within them is deleted; by default never.",
    )
    keep_step_cache_days: Days | None = Field(
        None,
        description="What a finished step made is kept to be used again for so many days; by "
        "default for ever.",
    )
    keep_step_cache_bytes: Bytes | None = Field(
        None,
        description="Of each project; the oldest steps go first. By default any number.",
    )
    keep_training_states_days: Days = Field(
        7, description="A training that nobody has gone on with for so many days starts anew."
    )
    keep_idempotency_keys_days: Days = Field(
        30, description="After so many days the same Idempotency-Key makes another job."
    )
    keep_delivered_days: Days = Field(7, description="Messages that webhooks have received.")
    keep_dead_letters_days: Days = Field(
        30, description="Messages that webhooks have not received; behind that they are gone."
    )
    keep_audit_days: Days | None = Field(
        None, description="Who changed what; by default for ever."
    )
    keep_attempts_days: Days = Field(
        93,
        description="When a job ran and on which queue, which minutes of quotas are counted "
        "from; those of the current month stay.",
    )
    keep_orphans_days: Annotated[float, Field(ge=1, le=36_500)] | None = Field(
        None,
        description="Objects that no row names, as a process leaves one that is killed before "
        "its commit; looked for once a day. Only for a store that no other installation "
        "shares. By default for ever.",
    )

    @field_validator(
        "keep_jobs_days",
        "keep_artifacts_days",
        "keep_unused_uploads_days",
        "keep_step_cache_days",
        "keep_step_cache_bytes",
        "keep_audit_days",
        "keep_orphans_days",
        mode="before",
    )
    @classmethod
    def _empty_is_for_ever(cls, value: Any) -> Any:
        return None if value == "" else value


if __name__ == "__main__":  # a check: silent, or one line and 1
    KeepSettings.from_environment()
