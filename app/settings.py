"""Every setting of the service alone; what workers read too is in `app.store.settings`.

Values that cannot work are refused here; whether a server answers is for `/readyz` to say.
"""

from typing import Annotated

from pydantic import Field

from app.store.settings import SharedSettings

Bytes = Annotated[int, Field(ge=1)]


class Settings(SharedSettings):
    """Read from `LATHE_<NAME>`; `Settings(name=value)` in tests."""

    database_pool_size: int = Field(8, ge=1, le=100, description="Connections of a process.")
    broker_timeout_s: float = Field(
        1.0, gt=0, le=30, description="A hint that takes longer is left to the sweep."
    )
    max_model_bytes: Bytes = Field(8 << 30, description="Of one uploaded model.")
    max_dataset_bytes: Bytes = Field(32 << 30, description="Of one uploaded data set.")
    max_json_bytes: Bytes = Field(1 << 20, description="Of every other request body.")
    page_size: int = Field(50, ge=1, le=200, description="Of a list that names no limit.")
