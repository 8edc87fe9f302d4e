"""Which job is meant."""

from typing import Annotated

import typer

from lathe.cli.wrong import wrong
from lathe.client import Client
from lathe.states import JobKind

LATEST = "latest"
Job = Annotated[str, typer.Argument(help="job_..., or latest.")]


def job_id(text: str, lathe: Client) -> str:
    """The id that was written, or that of the newest compression."""
    if text != LATEST:
        return text
    newest = lathe.jobs(kind=JobKind.COMPRESS, limit=1)
    if not newest:
        raise wrong("There is no job yet; `lathe compress` makes one.")
    return newest[0].id
