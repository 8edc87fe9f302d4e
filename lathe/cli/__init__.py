"""The `lathe` command.

Results go to stdout, all that is said on the way to stderr; with `--json` stdout is one JSON
value. How a command ends:

    0    done; of a job: it succeeded and every limit holds
    1    the job failed, was cancelled, or a limit does not hold
    2    the command line is wrong: an option, a file that is not there, no such name
    3    the service: nobody answers, it is down, busy or full, or made a mistake
    4    refused: a wrong key, a bad spec, a file that is no model, one that is not true
    5    waited as long as `--timeout` allows; the job goes on
    6    this machine: a full disk, a folder that cannot be written
    130  Ctrl-C; a job that was submitted to a running service goes on
    141  who read the output has gone, as in `lathe jobs list | head`
"""

import typer

from lathe.cli.audit import audit
from lathe.cli.catalogue import recipes, techniques
from lathe.cli.compress import compress
from lathe.cli.datasets import app as datasets
from lathe.cli.endings import Commands
from lathe.cli.jobs import app as jobs
from lathe.cli.keys import app as keys
from lathe.cli.logins import login, logout
from lathe.cli.models import app as models
from lathe.cli.projects import app as projects
from lathe.cli.unpack import unpack
from lathe.cli.up import up
from lathe.cli.usage import usage
from lathe.cli.verify import verify
from lathe.cli.webhooks import app as webhooks

__all__ = ["app"]

_EPILOG = (
    "Exit status: 0 done, 1 job failed or limit missed, 2 wrong command line, 3 service away, "
    "4 refused, 5 waited long enough, 6 this machine, 130 Ctrl-C."
)
app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
)


@app.callback()
def lathe() -> None:
    """Neural-network compression: make a trained model smaller and faster, with proof."""


app.command()(compress)
app.add_typer(jobs, name="jobs")
app.add_typer(models, name="models")
app.add_typer(datasets, name="datasets")
app.command()(techniques)
app.command()(recipes)
app.add_typer(keys, name="keys")
app.add_typer(projects, name="projects")
app.add_typer(webhooks, name="webhooks")
app.command()(usage)
app.command()(audit)
app.command()(login)
app.command()(logout)
app.command()(unpack)
app.command()(verify)
app.command()(up)
