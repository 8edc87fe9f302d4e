"""`lathe jobs list`."""

from typing import Annotated

import typer

from lathe.cli.connect import connected
from lathe.cli.options import AsJson, Key, Limit, Url
from lathe.cli.say import show, table
from lathe.cli.wrong import wrong
from lathe.states import JobKind, JobState
from lathe.views import JobView


def list_jobs(
    state: Annotated[
        list[JobState] | None, typer.Option(help="Any of these; give it again for more.")
    ] = None,
    kind: Annotated[JobKind, typer.Option(help="compress, or inspect.")] = JobKind.COMPRESS,
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="name:value; all of these, given again for more.")
    ] = None,
    limit: Limit = 20,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The newest jobs."""
    pairs = [text.partition(":") for text in label or ()]
    if any(not colon for _, colon, _ in pairs):
        raise wrong("--label is written name:value, as in team:cam.")
    labels = {name: value for name, _, value in pairs}
    with connected(url, key) as service:
        found = service.lathe.jobs(
            states=state or (), kind=kind, model=model, labels=labels, limit=limit
        )
    if as_json:
        show(found)
        return
    table(("id", "state", "made", "name", "outcome"), [_row(job) for job in found])


def _row(job: JobView) -> tuple[str, ...]:
    outcome = job.verdict.sentence if job.verdict else ""
    if job.failure:
        outcome = job.failure.detail
    made = f"{job.created_at:%Y-%m-%d %H:%M}"
    return (job.id, job.display_state, made, job.name or "", outcome)
