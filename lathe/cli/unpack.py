"""`lathe unpack`."""

import importlib
import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from lathe.cli.endings import Ending, sentence
from lathe.cli.options import AsJson
from lathe.cli.say import note, show
from lathe.cli.wrong import wrong
from lathe.errors import Refused


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
    as_json: AsJson = False,
) -> None:
    """Make the ONNX file that a packed model holds, bit for bit."""
    target = output or file.with_suffix(".onnx")
    if target.exists() and not force:
        raise wrong(f"{target} is there already; replace it with --force.")
    if importlib.util.find_spec("numpy") is None:
        raise wrong("Unpacking needs numpy: run `pip install 'lathe[packed]'`.")
    packed = importlib.import_module("lathe.packed")
    limits = packed.Limits() if max_bytes is None else packed.Limits(max_bytes=max_bytes)
    try:
        size_bytes = packed.unpack(file, target, limits)
    except Refused as refusal:
        note(f"{file}: {sentence(refusal)}")
        raise typer.Exit(Ending.REFUSED) from refusal
    except OSError as error:
        about = file if error.filename == str(file) else target
        note(f"{about}: {error.strerror or error}")
        raise typer.Exit(Ending.MACHINE) from error
    if as_json:
        show({"file": str(target), "size_bytes": size_bytes})
        return
    times = size_bytes / file.stat().st_size
    typer.echo(f"{target}: {size_bytes:,} bytes, {times:.1f} times the packed file")
