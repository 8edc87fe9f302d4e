"""The `lathe` command."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from lathe.errors import Refused

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


@app.command()
def unpack(
    file: Annotated[Path, typer.Argument(help="A packed model.", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Where to write; beside the file, as .onnx."),
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, help="Largest model to make; 2 GiB unless given.")
    ] = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Make the ONNX file that a packed model holds, bit for bit."""
    target = output or file.with_suffix(".onnx")
    if target.exists() and not force:
        typer.echo(f"{target} is there already; replace it with --force.", err=True)
        raise typer.Exit(1)
    if importlib.util.find_spec("numpy") is None:
        typer.echo("Unpacking needs numpy: run `pip install 'lathe[packed]'`.", err=True)
        raise typer.Exit(2)
    packed = importlib.import_module("lathe.packed")
    limits = packed.Limits() if max_bytes is None else packed.Limits(max_bytes=max_bytes)
    try:
        size_bytes = packed.unpack(file, target, limits)
    except Refused as refusal:
        typer.echo(f"{file}: {refusal.detail}", err=True)
        raise typer.Exit(1) from refusal
    except OSError as error:
        about = file if error.filename == str(file) else target
        typer.echo(f"{about}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error
    times = size_bytes / file.stat().st_size
    typer.echo(f"{target}: {size_bytes:,} bytes, {times:.1f} times the packed file")
