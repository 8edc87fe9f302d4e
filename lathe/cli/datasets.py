"""`lathe datasets`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from lathe.cli.bars import bytes_bar
from lathe.cli.connect import connected
from lathe.cli.given import given
from lathe.cli.options import AsJson, FileName, Key, Limit, Sha256, Source, SourceName, Url
from lathe.cli.say import note, out, show, table
from lathe.facts import Transform
from lathe.layout import Layout
from lathe.views import DatasetView

app = typer.Typer(no_args_is_help=True, help="Uploaded data.")
TRANSFORMS = TypeAdapter(dict[str, Transform])
LAYOUT = TypeAdapter(Layout)
TransformsOption = Annotated[
    str | None,
    typer.Option(
        "--transforms",
        help='How arrays become inputs, as JSON or a file: {"image": {"scale": 0.0039}}.',
    ),
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        "--layout", help='What the file does not say, as JSON or a file: {"label": "species"}.'
    ),
]


@app.command()
def push(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help=".npz, .safetensors, csv, parquet, zip or tar."
        ),
    ],
    name: FileName = None,
    transforms: TransformsOption = None,
    layout: LayoutOption = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Upload data and wait for what inspection finds in it."""
    how = given(TRANSFORMS, transforms, "--transforms") if transforms else None
    what = given(LAYOUT, layout, "--layout") if layout else None
    with connected(url, key) as service, bytes_bar(f"uploading {file.name}") as told:
        made = service.lathe.upload_dataset(
            file, name=name, transforms=how, layout=what, told=told
        )
    _shown(made, as_json=as_json)


@app.command()
def fetch(
    source: Source,
    sha256: Sha256 = None,
    name: SourceName = None,
    transforms: TransformsOption = None,
    layout: LayoutOption = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let the service fetch data and wait for what inspection finds in it."""
    how = given(TRANSFORMS, transforms, "--transforms") if transforms else None
    what = given(LAYOUT, layout, "--layout") if layout else None
    with connected(url, key) as service, bytes_bar("fetching") as told:
        made = service.lathe.fetch_dataset(
            source, name=name, sha256=sha256, transforms=how, layout=what, told=told
        )
    _shown(made, as_json=as_json)


@app.command("list")
def list_datasets(
    limit: Limit = 20, url: Url = None, key: Key = None, *, as_json: AsJson = False
) -> None:
    """The newest data sets."""
    with connected(url, key) as service:
        found = service.lathe.datasets(limit=limit)
    if as_json:
        show(found)
        return
    rows = [
        (
            d.id,
            str(d.state),
            "" if d.size_bytes is None else f"{d.size_bytes:,}",
            f"{d.created_at:%Y-%m-%d %H:%M}",
            ", ".join(f"{s.name} {s.examples:,}" for s in d.facts.splits) if d.facts else "",
            d.name or "",
        )
        for d in found
    ]
    table(("id", "state", "bytes", "made", "splits", "name"), rows)


@app.command("show")
def show_dataset(
    dataset: Annotated[str, typer.Argument(help="dat_...")],
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """One data set: its splits and their arrays."""
    with connected(url, key) as service:
        found = service.lathe.dataset(dataset)
    _shown(found, as_json=as_json)


def _shown(dataset: DatasetView, *, as_json: bool) -> None:
    if as_json:
        show(dataset)
        return
    out().print(f"{dataset.id}  {dataset.name or ''}  {dataset.state}", markup=False)
    for split in dataset.facts.splits if dataset.facts else ():
        out().print(f"  {split.name}  {split.examples:,} examples", markup=False)
        for field in split.fields:
            shape = " x ".join(map(str, field.shape)) or "one number"
            out().print(f"    {field.name}  {field.dtype}  {shape}", markup=False)
    summary = dataset.summary
    for each in summary.classes if summary else ():
        counts = ", ".join(f"{split} {count:,}" for split, count in each.examples.items())
        out().print(f"  class {each.name or each.label}: {counts}", markup=False)
    for gap in summary.missing if summary else ():
        out().print(f"  {gap.column}: {gap.values:,} missing, {gap.handled}", markup=False)
    for finding in dataset.findings:
        note(f"{finding.severity}: {finding.message}")
    if dataset.failure:
        note(dataset.failure.detail)
