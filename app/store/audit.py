"""Who changed what, as statements."""

from datetime import datetime

from sqlalchemy import Select, select

from app.store.rows import Audit


def traces(
    project_id: str,
    *,
    action: str | None = None,
    target: str | None = None,
    key_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[Audit]:
    """The project's audit, narrowed where asked; `action` may be a kind alone, such as `job`.

    `since` is within, `until` is without.
    """
    statement = select(Audit).where(Audit.project_id == project_id)
    if action is not None:
        whole = "." in action
        statement = statement.where(
            Audit.action == action if whole else Audit.action.startswith(f"{action}.")
        )
    if target is not None:
        statement = statement.where(Audit.target == target)
    if key_id is not None:
        statement = statement.where(Audit.key_id == key_id)
    if since is not None:
        statement = statement.where(Audit.at >= since)
    if until is not None:
        statement = statement.where(Audit.at < until)
    return statement
