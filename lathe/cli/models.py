"""`lathe models`."""

from pathlib import Path
from typing import Annotated

import typer

from lathe.cli.bars import bytes_bar
from lathe.cli.connect import connected
from lathe.cli.options import AsJson, FileName, Key, Limit, Sha256, Source, SourceName, Url
from lathe.cli.say import note, out, show, table
from lathe.views import ModelView

app = typer.Typer(no_args_is_help=True, help="Uploaded networks.")


@app.command()
def push(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help=".onnx, .pt2, or a zip of a folder."),
    ],
    name: FileName = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Upload a model and wait for what inspection finds in it."""
    with connected(url, key) as service, bytes_bar(f"uploading {file.name}") as told:
        made = service.lathe.upload_model(file, name=name, told=told)
    _shown(made, as_json=as_json)


@app.command()
def fetch(
    source: Source,
    sha256: Sha256 = None,
    name: SourceName = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let the service fetch a model and wait for what inspection finds in it."""
    with connected(url, key) as service, bytes_bar("fetching") as told:
        made = service.lathe.fetch_model(source, name=name, sha256=sha256, told=told)
    _shown(made, as_json=as_json)


@app.command("list")
def list_models(
    limit: Limit = 20, url: Url = None, key: Key = None, *, as_json: AsJson = False
) -> None:
    """The newest models."""
    with connected(url, key) as service:
        found = service.lathe.models(limit=limit)
    if as_json:
        show(found)
        return
    rows = [
        (
            m.id,
            str(m.state),
            "" if m.size_bytes is None else f"{m.size_bytes:,}",
            f"{m.created_at:%Y-%m-%d %H:%M}",
            m.name or "",
        )
        for m in found
    ]
    table(("id", "state", "bytes", "made", "name"), rows)


@app.command("show")
def show_model(
    model: Annotated[str, typer.Argument(help="mdl_...")],
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """One model: its doors, sizes and layers."""
    with connected(url, key) as service:
        found = service.lathe.model(model)
    _shown(found, as_json=as_json)


def _shown(model: ModelView, *, as_json: bool) -> None:
    if as_json:
        show(model)
        return
    out().print(f"{model.id}  {model.name or ''}  {model.state}", markup=False)
    if model.io and model.stats:
        for what, tensors in (("in", model.io.inputs), ("out", model.io.outputs)):
            for tensor in tensors:
                shape = " x ".join("?" if d is None else str(d) for d in tensor.shape)
                out().print(f"  {what:<4}{tensor.name}  {tensor.dtype}  {shape}", markup=False)
        stats = model.stats
        macs = "" if stats.macs is None else f", {stats.macs:,} multiply-accumulates"
        out().print(
            f"  {model.size_bytes:,} bytes, {stats.parameters:,} parameters{macs}, "
            f"{len(stats.layers)} layers, opset {stats.opset}",
            markup=False,
        )
    for finding in model.findings:
        note(f"{finding.severity}: {finding.message}")
    if model.failure:
        note(model.failure.detail)
