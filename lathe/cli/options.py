"""Options that many commands share."""

from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="LATHE_URL", help="The service, as http://host:8000."),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar=["LATHE_KEY", "LATHE_API_KEY"],
        show_envvar=False,
        help="API key. [env var: LATHE_KEY]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first.")]
Patience = Annotated[
    float | None,
    typer.Option("--timeout", min=0, help="Seconds to wait; the job goes on behind that."),
]
Source = Annotated[str, typer.Argument(help="https://... or s3://bucket/key.")]
Sha256 = Annotated[str | None, typer.Option(help="What it must have; checked.")]
FileName = Annotated[str | None, typer.Option("--name", help="Default: the file's name.")]
SourceName = Annotated[
    str | None, typer.Option("--name", help="Default: the end of the address.")
]
