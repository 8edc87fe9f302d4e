"""Documents of JSON that are almost right: a few places of a right one are changed.

Bytes alone would hardly ever get past the syntax, and hardly ever name a key.
"""

import json
from collections.abc import Sequence
from typing import Any

from tests.fuzz.script import Script

Places = list[tuple[Any, Any]]  # a container and a key or an index of it
_DEEP: Any = 0
for _ in range(40):
    _DEEP = [_DEEP]
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 255, 256, 65536, 2**31 - 1, 2**31, 2**32, 2**53, 2**63,
    2**64, -(2**63), 10**30, 0.5, -0.0, 1e-320, 1e308, 1e400, "", "a", "0", "\0", "\ud800",
    "é\u202e", "../x", "a" * 300, "1e5", [], {}, [[]], [0], [None], ["a"], {"": 0}, _DEEP,
)  # fmt: skip
_OPERATIONS = 8
_MOST_CHANGES = 6  # copies of copies would grow without end


def edited(documents: Sequence[str], script: Script, values: Sequence[Any] = ()) -> Any:
    """One of the documents with as many changes as the script has, 6 at most;
    `values` are tried beside those that break things everywhere."""
    document = json.loads(documents[script.below(len(documents))])
    holder = {"": document}
    tried = (*VALUES, *values)
    for _ in range(_MOST_CHANGES):
        places = _places(holder) if script.left > 1 else []
        if not places:
            break
        container, key = places[script.below(len(places))]
        _change(container, key, script, places, tried)
    return holder.get("")


def text(documents: Sequence[str], data: bytes, values: Sequence[Any] = ()) -> bytes:
    """The JSON that an input stands for: itself, or a document with changes."""
    if data[:1] < b"\x20":
        return data[1:]
    return json.dumps(edited(documents, Script(data[1:]), values)).encode()


def seeds(documents: Sequence[str]) -> list[bytes]:
    """Inputs of `text`: every document, as it is and as one that is to be changed."""
    whole = [b"\0" + document.encode() for document in documents]
    return whole + [bytes([0x20, number]) for number in range(len(documents))]


def _places(value: Any) -> Places:
    found: Places = []
    left = [value]
    while left:
        one = left.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(inner := one[key], dict | list):
                left.append(inner)
        if len(found) > 2000:
            break
    return found


def _change(
    container: Any, key: Any, script: Script, places: Places, tried: Sequence[Any]
) -> None:
    match script.below(_OPERATIONS):
        case 0 | 1:
            container[key] = _fresh(tried[script.below(len(tried))])
        case 2:
            other, at = places[script.below(len(places))]
            container[key] = _fresh(other[at])
        case 3:
            container[key] = script.piece().decode("latin-1")
        case 4:
            container[key] = script.number(1 + script.below(9)) - 128
        case 5 if key != "":
            del container[key]
        case 6 if isinstance(container, list):
            container.insert(key, _fresh(container[key]))
        case 6:
            container[script.piece().decode("latin-1")] = _fresh(container[key])
        case _:
            container[key] = [_fresh(container[key])] * (1 + script.below(3))


def _fresh(value: Any) -> Any:
    """A copy, so that no change makes a circle."""
    return json.loads(json.dumps(value)) if isinstance(value, dict | list) else value
