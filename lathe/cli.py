"""The `lathe` command."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.callback()
def lathe() -> None:
    """Neural-network compression as a service."""


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="Folder for database, files and broker.")] = Path(
        "data"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    cpu_slots: Annotated[
        int | None, typer.Option(min=1, help="Compressions at once; they share the cores.")
    ] = None,
) -> None:
    """Start the whole service on this machine; Ctrl-C stops all of it."""
    if importlib.util.find_spec("app") is None or importlib.util.find_spec("fastapi") is None:
        typer.echo(
            "The server's packages are not here. Clone the repository and run `make up`, or "
            "install them with `pip install 'lathe[embedded]'` inside a clone.",
            err=True,
        )
        raise typer.Exit(2)
    command = [sys.executable, "-m", "app.up", "--data", str(data), "--host", host]
    command += ["--port", str(port)]
    if cpu_slots is not None:
        command += ["--cpu-slots", str(cpu_slots)]
    raise typer.Exit(subprocess.call(command))  # noqa: S603 - our own module
