"""Protobuf messages that are almost right: a few fields of a right one are changed."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.fuzz.script import Script

_MOST_CHANGES = 6
_MOST_PLACES = 400
_NUMBERS = (
    0,
    1,
    -1,
    2,
    7,
    16,
    127,
    255,
    1 << 20,
    (1 << 31) - 1,
    -(1 << 31),
    1 << 40,
    -(1 << 62),
)
_FLOATS = (0.0, -1.0, 1e38, float("nan"), float("inf"), 1e-40)
_WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}


def edited(message: Message, script: Script, texts: Sequence[str]) -> None:
    """Change some fields of the message, at any depth, in place; `texts` are names to try."""
    places = _places(message)
    for _ in range(_MOST_CHANGES):
        if script.left < 2:
            return
        _change(places[script.below(len(places))], script, texts, places)


def _places(message: Message) -> list[Message]:
    found, left = list[Message](), [message]
    while left and len(found) < _MOST_PLACES:
        one = left.pop()
        found.append(one)
        for field, value in one.ListFields():
            if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
                left.extend(value if field.is_repeated else [value])
    return found


def _change(
    message: Message, script: Script, texts: Sequence[str], places: Sequence[Message]
) -> None:
    said = [field for field, _ in message.ListFields()]
    every = message.DESCRIPTOR.fields
    chosen = script.byte()
    field = said[chosen % len(said)] if said and chosen < 192 else every[chosen % len(every)]
    operation = script.below(4)
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        _change_inner(message, field, operation, script, places)
        return
    value = _value(field, script, texts)
    if not field.is_repeated:
        if operation == 0:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, value)
        return
    held = getattr(message, field.name)
    if operation == 0 and len(held):
        del held[script.below(len(held))]
    elif operation == 1 and len(held):
        held[script.below(len(held))] = value
    else:
        held.append(value)


def _change_inner(
    message: Message, field: Any, operation: int, script: Script, places: Sequence[Message]
) -> None:
    alike = [
        one for one in places if one.DESCRIPTOR is field.message_type and one is not message
    ]
    source = alike[script.below(len(alike))].SerializeToString() if alike else b""
    if len(source) > 4096:
        return
    if not field.is_repeated:
        if operation == 0:
            message.ClearField(field.name)
        else:
            getattr(message, field.name).ParseFromString(source)
            getattr(message, field.name).SetInParent()
        return
    held = getattr(message, field.name)
    if operation == 0 and len(held):
        del held[script.below(len(held))]
    else:
        held.add().ParseFromString(source)


def _value(field: Any, script: Script, texts: Sequence[str]) -> Any:
    kind = field.cpp_type
    if field.type == FieldDescriptor.TYPE_BYTES:
        return script.piece()
    if kind == FieldDescriptor.CPPTYPE_STRING:
        own = script.byte() & 1
        return script.piece().decode("latin-1") if own else texts[script.below(len(texts))]
    if kind in _WHOLE:
        low, high = _WHOLE[kind]
        number = script.byte() if script.byte() & 1 else _NUMBERS[script.below(len(_NUMBERS))]
        return min(high, max(low, number))
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return script.byte() % len(field.enum_type.values)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return bool(script.byte() & 1)
    return _FLOATS[script.below(len(_FLOATS))]
