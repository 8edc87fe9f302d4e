"""`lathe audit`: who changed what; for admins."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from lathe.cli.connect import connected
from lathe.cli.options import AsJson, Key, Limit, Url
from lathe.cli.say import show, table
from lathe.cli.wrong import wrong
from lathe.ids import is_id
from lathe.views import AuditView

Moment = Annotated[datetime | None, typer.Option(help="UTC, as 2026-01-02 or with T03:04:05.")]


def audit(  # noqa: PLR0913 - the options of one question
    action: Annotated[
        str | None, typer.Option(help="One, such as job.submit, or a kind, such as job.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="What was done to this id.")] = None,
    by: Annotated[
        str | None, typer.Option(help="By this key: its id, as `lathe keys list` shows it.")
    ] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 50,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Who changed what in the project; takes an admin key."""
    if by is not None and not is_id("key", by):
        raise wrong("--by takes the id of a key, key_..., as `lathe keys list` shows it.")
    with connected(url, key) as service:
        found = service.lathe.audit(
            action=action,
            target=target,
            key=by,
            since=since and since.replace(tzinfo=UTC),
            until=until and until.replace(tzinfo=UTC),
            limit=limit,
        )
    if as_json:
        show(found)
        return
    rows = [
        (
            f"{each.at:%Y-%m-%d %H:%M:%S}",
            each.action,
            each.target or "",
            each.key or _without(each),
            each.request_id or "",
        )
        for each in found
    ]
    table(("made", "action", "to", "by", "request"), rows)


def _without(trace: AuditView) -> str:
    """Who had no key: what was old enough expired by itself, the rest an operator did."""
    return "the service" if trace.action.endswith(".expire") else "the operator"
