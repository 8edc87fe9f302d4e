"""JSON's types are kept apart: `true` is no number, `"8"` is none, and 1 is no flag.

Pydantic turns each into the other unless it is strict; strict as a whole it takes no list for a
tuple and no text for a moment, which is how they arrive. An integer may be written 8.0, as JSON
Schema has it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import CoreSchema, PydanticKnownError, core_schema


def keep_kinds(schema: CoreSchema) -> None:
    """Make the fields of a model's schema, in place, take the JSON types that they declare.

    Models inside it see to their own fields.
    """
    found: Any = schema
    while found["type"] != "model":  # validators of the whole model stand around it
        found = found["schema"]
    _keep(found["schema"])


def _keep(schema: Any) -> None:
    match schema["type"]:
        case "model":
            return
        case "function-before" if schema["function"]["function"] in _LOOKS:
            return  # of a class that is complete pydantic gives the schema that it keeps
        case "bool":
            schema["strict"] = True
        case "int":
            _look_first(schema, _whole)
        case "float":
            _look_first(schema, _number)
        case "literal" if any(isinstance(one, int) for one in schema["expected"]):
            _look_first(schema, _whole)
        case "datetime":
            _look_first(schema, _moment)
        case _:
            for inner in _inside(schema):
                _keep(inner)


def _inside(schema: Any) -> Iterator[Any]:
    """The schemas that one is made of."""
    match schema["type"]:
        case "model-fields":
            yield from schema["fields"].values()
        case "tagged-union":
            yield from schema["choices"].values()
        case "union":  # a choice may stand beside its name
            for choice in schema["choices"]:
                yield choice[0] if isinstance(choice, tuple) else choice
        case "tuple":
            yield from schema["items_schema"]
        case _:
            keys = ("schema", "items_schema", "keys_schema", "values_schema")
            yield from (schema[key] for key in keys if key in schema)


def _look_first(schema: Any, look: Callable[[Any], Any]) -> None:
    inner = schema.copy()
    schema.clear()
    schema.update(core_schema.no_info_before_validator_function(look, inner))


def _whole(value: Any) -> Any:
    if isinstance(value, bool | str | bytes):
        raise PydanticKnownError("int_type")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool | str | bytes):
        raise PydanticKnownError("float_type")
    return value


def _moment(value: Any) -> Any:
    if isinstance(value, int | float):
        raise PydanticKnownError("datetime_type")
    return value


_LOOKS = (_whole, _number, _moment)
