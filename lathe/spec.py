"""What every declared value has in common: frozen, closed to unknown keys, finite."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A value people write: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Fact(BaseModel):
    """A value Lathe measured or derived: readers of an older release ignore newer keys."""

    model_config = ConfigDict(frozen=True, extra="ignore")
