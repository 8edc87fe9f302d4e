"""`lathe jobs events`."""

import json
from typing import Annotated

import typer

from lathe.cli.connect import connected
from lathe.cli.jobs.which import Job, job_id
from lathe.cli.options import AsJson, Key, Url
from lathe.cli.say import out, show


def events(
    job: Job,
    after: Annotated[int, typer.Option(min=0, help="Begin behind this number.")] = 0,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What was noted about a job so far, oldest first."""
    with connected(url, key) as service:
        found = service.lathe.events(job_id(job, service.lathe), after=after)
    if as_json:
        show(found)
        return
    for event in found:
        line = f"{event.seq:>5}  {event.at:%H:%M:%S}  {event.type:<12}{json.dumps(event.data)}"
        out().print(line, soft_wrap=True, markup=False)
