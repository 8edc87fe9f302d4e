"""`lathe keys`: who may use the service; for admins."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from lathe.cli.connect import connected
from lathe.cli.options import AsJson, Key, Url
from lathe.cli.say import note, show, table
from lathe.views import KeyView

app = typer.Typer(no_args_is_help=True, help="API keys of the project; takes an admin key.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, write or admin; give it again for more. Default read, write."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Expires after so many.")
    ] = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is shown this once."""
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with connected(url, key) as service:
        made = service.lathe.create_key(name, scopes=scope, expires_at=expires)
    if as_json:
        show(made)
        return
    note(f"{made.id} may {', '.join(made.scopes)}; its secret is shown this once:")
    typer.echo(made.key)


@app.command("list")
def list_keys(url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """The keys, without their secrets."""
    with connected(url, key) as service:
        found = service.lathe.keys()
    if as_json:
        show(found)
        return
    rows = [
        (
            each.id,
            each.name,
            ",".join(each.scopes),
            f"{each.created_at:%Y-%m-%d %H:%M}",
            f"{each.last_used_at:%Y-%m-%d %H:00}" if each.last_used_at else "never",
            _standing(each),
        )
        for each in found
    ]
    table(("id", "name", "scopes", "made", "used", ""), rows)


def _standing(key: KeyView) -> str:
    if key.revoked_at:
        return "revoked"
    return f"until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "valid"


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="key_..., as `lathe keys list` shows it.")],
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for ever."""
    with connected(url, key) as service:
        service.lathe.revoke_key(key_id)
    if as_json:
        show({"revoked": key_id})
    note(f"{key_id} is revoked.")


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="key_..., as `lathe keys list` shows it.")],
    grace_hours: Annotated[
        float, typer.Option(min=0, max=720, help="The old one still works for so long.")
    ] = 24,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put a new key in the place of an old one; the new one is shown this once."""
    with connected(url, key) as service:
        made = service.lathe.rotate_key(key_id, grace_s=round(3600 * grace_hours))
    if as_json:
        show(made)
        return
    note(f"{made.id} takes the place of {key_id}; its secret is shown this once:")
    typer.echo(made.key)
