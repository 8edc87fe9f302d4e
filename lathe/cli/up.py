"""`lathe up`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lathe.cli.server import HOW_TO_GET_IT, server_command, server_environment
from lathe.cli.wrong import wrong


def up(
    data: Annotated[Path, typer.Option(help="Folder for database, files and broker.")] = Path(
        "data"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    cpu_slots: Annotated[
        int | None, typer.Option(min=1, help="Compressions at once; they share the cores.")
    ] = None,
    *,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Once it is ready, one line on stdout: url, key, data, hints."
        ),
    ] = False,
) -> None:
    """Start the whole service on this machine; Ctrl-C stops all of it."""
    command = server_command()
    if command is None:
        raise wrong(HOW_TO_GET_IT)
    command += ["--data", str(data), "--host", host, "--port", str(port)]
    if cpu_slots is not None:
        command += ["--cpu-slots", str(cpu_slots)]
    if as_json:
        command += ["--json"]
    os.execve(command[0], command, server_environment())  # noqa: S606 - so signals reach it
