"""`lathe jobs cancel`, `lathe jobs delete` and `lathe jobs retry`."""

from typing import Annotated

import typer

from lathe.cli.connect import connected
from lathe.cli.follow import ending, followed, why
from lathe.cli.jobs.which import Job, job_id
from lathe.cli.options import AsJson, Key, Patience, Url
from lathe.cli.say import note, show


def cancel(job: Job, url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """End a job: at once while it waits, within a second while it runs."""
    with connected(url, key) as service:
        found = service.lathe.cancel(job_id(job, service.lathe))
    if as_json:
        show(found)
    note(f"{found.id} is {found.display_state}.")


def delete(job: Job, url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """Delete a finished job with its files, report and numbers."""
    with connected(url, key) as service:
        which = job_id(job, service.lathe)
        service.lathe.delete_job(which)
    if as_json:
        show({"deleted": which})
    note(f"{which} is deleted.")


def retry(
    job: Job,
    timeout: Patience = None,
    url: Url = None,
    key: Key = None,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay to the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Do a finished job again as a new one; steps that were finished are not done again."""
    with connected(url, key) as service:
        found = service.lathe.retry(job_id(job, service.lathe))
        note(f"job {found.id}")
        if wait or service.passing:
            found = followed(service, found, timeout)
    if as_json:
        show(found)
    else:
        typer.echo(found.id)
    if not found.state.finished:
        return
    if ending(found):
        note(found.verdict.sentence if found.verdict and not found.failure else why(found))
    raise typer.Exit(ending(found))
