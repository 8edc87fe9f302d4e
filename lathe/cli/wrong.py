"""A command line that cannot be carried out."""

from collections.abc import Iterable
from difflib import get_close_matches

import typer

from lathe.cli.endings import Ending
from lathe.cli.say import note


def wrong(why: str) -> typer.Exit:
    """To raise: says why, and ends as a wrong command line does."""
    note(why)
    return typer.Exit(Ending.USAGE)


def no_such(kind: str, name: str, known: Iterable[str]) -> typer.Exit:
    """To raise for a name that means nothing, with the likely one or all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
    return wrong(f"There is no {kind} {name!r}; {remedy}")
