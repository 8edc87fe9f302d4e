"""`lathe jobs`."""

import typer

from lathe.cli.jobs.end import cancel, delete, retry
from lathe.cli.jobs.events import events
from lathe.cli.jobs.listed import list_jobs
from lathe.cli.jobs.report import report
from lathe.cli.jobs.show import show_job
from lathe.cli.jobs.watch import watch

app = typer.Typer(no_args_is_help=True, help="Compressions; `latest` stands for the last one.")
app.command("list")(list_jobs)
app.command("show")(show_job)
app.command()(watch)
app.command()(cancel)
app.command()(delete)
app.command()(retry)
app.command()(report)
app.command()(events)
