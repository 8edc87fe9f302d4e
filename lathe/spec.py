"""What every declared value has in common: frozen, closed to unknown keys, finite, plain."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    field_validator,
)
from pydantic_core import CoreSchema

from lathe.kinds import keep_kinds


def plain(text: str) -> str:
    """`text` itself; raises ValueError for a NUL character, which no database takes."""
    if "\0" in text:
        raise ValueError("there is a NUL character in this text; remove it")
    return text


PlainText = Annotated[str, AfterValidator(plain)]


class Spec(BaseModel):
    """A value people write: unknown keys, non-finite numbers, NUL and values of another JSON
    type than the schema has are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler, /
    ) -> CoreSchema:
        """Pydantic's own schema, but that `true`, `"8"` and 8 stay what they are."""
        schema = handler(source)
        keep_kinds(schema)
        return schema

    @field_validator("*")
    @classmethod
    def _plain_texts(cls, value: Any) -> Any:
        inner = value.values() if isinstance(value, dict) else value
        for text in inner if isinstance(value, dict | tuple) else (inner,):
            if isinstance(text, str):
                plain(text)
        return value


class Fact(BaseModel):
    """A value Lathe measured or derived: readers of an older release ignore newer keys."""

    model_config = ConfigDict(frozen=True, extra="ignore")
