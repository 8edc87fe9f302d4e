"""`lathe jobs report`."""

from pathlib import Path
from typing import Annotated

import typer

from lathe.cli.compress import ended
from lathe.cli.connect import connected
from lathe.cli.follow import why
from lathe.cli.jobs.which import Job, job_id
from lathe.cli.options import AsJson, Key, Url
from lathe.cli.say import note


def report(
    job: Job,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Download the files and the report page here, too."),
    ] = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Before and after of a finished job, as its proof has it."""
    with connected(url, key) as service:
        found = service.lathe.job(job_id(job, service.lathe))
        if found.verdict is None and not found.failure:
            note(why(found) + " Its report comes when it has ended.")
        raise typer.Exit(ended(service, found, folder, as_json=as_json))
