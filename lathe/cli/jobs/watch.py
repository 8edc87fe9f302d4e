"""`lathe jobs watch`."""

import typer

from lathe.cli.connect import connected
from lathe.cli.follow import ending, followed
from lathe.cli.jobs.show import lines
from lathe.cli.jobs.which import Job, job_id
from lathe.cli.options import AsJson, Key, Patience, Url
from lathe.cli.say import out, show


def watch(
    job: Job,
    timeout: Patience = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Follow a job to its end; Ctrl-C leaves it alone."""
    with connected(url, key) as service:
        begun = service.lathe.job(job_id(job, service.lathe))
        found = followed(service, begun, timeout)
    if as_json:
        show(found)
    else:
        for line in lines(found):
            out().print(line, soft_wrap=True, markup=False)
    raise typer.Exit(ending(found))
