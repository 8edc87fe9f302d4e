"""`lathe verify`."""

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from lathe.cli.options import AsJson
from lathe.cli.say import show
from lathe.cli.wrong import wrong
from lathe.errors import Untrusted
from lathe.views import MANIFEST

_MAX_KEY_BYTES = 1 << 16


def verify(
    files: Annotated[
        list[Path],
        typer.Argument(help="Artifacts, or a folder of one job's artifacts.", exists=True),
    ],
    key: Annotated[
        list[Path],
        typer.Option(
            "--key", help="The service's public key, as PEM.", exists=True, dir_okay=False
        ),
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(
            help=f"The job's manifest; by default {MANIFEST} beside each file.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check artifacts against their signed manifest, without any network.

    Every file of a folder must be in the manifest. `--key` may be given more than once: a
    manifest counts that one of them has signed.
    """
    if importlib.util.find_spec("cryptography") is None:
        raise wrong("Verifying needs cryptography: run `pip install 'lathe[verify]'`.")
    checking = importlib.import_module("lathe.trust.checking")
    keys = [_key(checking, path) for path in key]
    checked: list[dict[str, object]] = []
    statements: dict[Path, Any] = {}
    for file in _all(files):
        beside = manifest or file.parent / MANIFEST
        if beside not in statements:
            statements[beside] = checking.opened(_manifest(beside, checking), keys)
        statement, key_id = statements[beside]
        subject = checking.check(file, statement)
        checked.append(
            {
                "file": str(file),
                "sha256": subject.digest.sha256,
                "size_bytes": subject.annotations.size_bytes,
                "job": statement.job,
                "key_id": key_id,
            }
        )
    if as_json:
        show({"checked": checked})
        return
    for each in checked:
        typer.echo(f"{each['file']}: true, {each['size_bytes']:,} bytes, of {each['job']}")


def _all(paths: Sequence[Path]) -> Iterator[Path]:
    """The files to check; a manifest is not one of them."""
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found = [each for each in inside if each.name != MANIFEST]
        if not found:
            raise Untrusted(f"{path} holds no artifact to check")
        for each in found:
            if not each.is_file():
                raise Untrusted(f"{each} is no file; a job's artifacts lie beside each other")
            yield each


def _key(checking: Any, path: Path) -> Any:
    if path.stat().st_size > _MAX_KEY_BYTES:
        raise wrong(f"{path}: this is no public key in PEM form.")
    try:
        return checking.public_key(path.read_bytes())
    except ValueError as error:
        raise wrong(f"{path}: {error}.") from error


def _manifest(path: Path, checking: Any) -> bytes:
    if not path.is_file():
        raise Untrusted(f"{path} is not there; download the job's manifest, or name --manifest")
    if path.stat().st_size > checking.MAX_MANIFEST_BYTES:
        raise Untrusted(f"{path} is too large for a manifest")
    return path.read_bytes()
