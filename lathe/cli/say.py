"""Where words go: results to stdout, everything else to stderr."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PLAIN_WIDTH = 160  # of tables in files and pipes, where nothing is to be cut


class Paper(Console):
    """A console that leaves a reader who has gone to the end of the command, and that shows
    what would steer a terminal instead of doing it."""

    def print(self, *objects: Any, **how: Any) -> None:
        """As rich does, of texts that are harmless."""
        shown = (harmless(each) if isinstance(each, str) else each for each in objects)
        super().print(*shown, **how)

    def on_broken_pipe(self) -> NoReturn:
        """Let `lathe.cli.endings` end it."""
        raise BrokenPipeError


def out() -> Console:
    """Results."""
    return Paper(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


def err() -> Console:
    """What is said on the way."""
    return Paper(stderr=True, highlight=False)


def note(text: str) -> None:
    """One sentence on stderr, as it is but for what is not harmless."""
    typer.echo(harmless(text), err=True)


def harmless(text: str) -> str:
    """The text with control characters, and those that turn the writing direction, spelled
    out: names come from others, and a terminal obeys what it is shown."""
    return _STEERS.sub(lambda found: ascii(found[0])[1:-1], text)


def show(value: BaseModel | Sequence[BaseModel] | dict[str, object]) -> None:
    """The one JSON value of `--json`."""
    if isinstance(value, BaseModel):
        _print(value.model_dump_json(indent=2))
    elif isinstance(value, dict):
        _print(json.dumps({k: _plain(v) for k, v in value.items()}, indent=2))
    else:
        _print(json.dumps([each.model_dump(mode="json") for each in value], indent=2))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A list for people; ids are never cut."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        shown.add_column(heading, no_wrap=heading in {"id", "state", "made"})
    for row in rows:
        shown.add_row(*(Text(harmless(cell)) for cell in row))
    out().print(shown)


def _print(text: str) -> None:
    """Whole: with PYTHONUNBUFFERED a text stream forgets what a pipe did not take at once."""
    sys.stdout.flush()
    left = memoryview(f"{text}\n".encode())
    while left:
        left = left[sys.stdout.buffer.write(left) :]
    sys.stdout.buffer.flush()


def _plain(value: object) -> object:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
