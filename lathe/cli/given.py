"""JSON that is written on the command line or lies in a file."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from lathe.cli.wrong import wrong

Kind = TypeVar("Kind")


def given_json(text: str, option: str) -> Any:
    """`text` as JSON, or the JSON of the file that it names."""
    inline = text.lstrip()[:1] in {"{", "["}
    try:
        return json.loads(text if inline else Path(text).read_text())
    except OSError as error:
        raise wrong(
            f"{option}: {text}: {error.strerror}; give a file, or JSON itself"
        ) from error
    except ValueError as error:
        raise wrong(f"{option} is not JSON: {error}") from error


def given(kind: TypeAdapter[Kind], text: str, option: str) -> Kind:
    """The same as a value of that kind."""
    try:
        return kind.validate_python(given_json(text, option))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise wrong(f"{option}: {where}: {first['msg']}") from error
