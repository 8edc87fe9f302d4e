"""What a field is when nobody says anything, where its schema does not tell: pydantic leaves
defaults that a factory makes out of JSON Schema."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lathe.spec import Spec


def usual(title: str | None, field: str) -> Any:
    """The default of `field` of the class that is called `title`, as JSON; None where there is
    none or it depends on other fields."""
    return _FOUND.get((title or "", field))


def own(title: str | None) -> frozenset[str]:
    """The fields that the class called `title` has beyond those that it shares with others."""
    return _OWN.get(title or "", frozenset())


def _classes(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in root.__subclasses__():
        yield each
        yield from _classes(each)


def _made(info: FieldInfo) -> Any:
    if info.default_factory is None or info.default_factory_takes_validated_data:
        return None
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return None
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


_FOUND = {
    (each.__name__, name): made
    for each in _classes(Spec)
    for name, info in each.model_fields.items()
    if (made := _made(info)) is not None
}
_OWN = {
    each.__name__: frozenset(each.__annotations__) & frozenset(each.model_fields)
    for each in _classes(Spec)
}
