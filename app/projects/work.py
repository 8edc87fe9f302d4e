"""What the commands do, each in the session's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.projects.amount import Amount
from app.store import tenants
from app.store.quotas.limits import Limits, forget_limit, limits_of, own_limits, set_limit
from app.store.quotas.minutes import minutes
from app.store.quotas.stored import stored
from app.store.rows import Audit, Project
from app.store.rows.base import utc_now
from lathe.errors import Conflict, Malformed, Missing
from lathe.names import Name

_NAME: TypeAdapter[str] = TypeAdapter(Name)


def listed(session: Session, defaults: Limits) -> list[dict[str, Any]]:
    """Every project with what it uses and what it may, but for those that are deleted."""
    there = select(Project).where(Project.deleted_at.is_(None))
    projects = session.scalars(there.order_by(Project.created_at)).all()
    return [
        {
            **_shown(session, project, defaults),
            "stored_bytes": stored(session, project.id).counted,
            "minutes": {str(q): round(m, 2) for q, m in minutes(session, project.id).items()},
        }
        for project in projects
    ]


def created(session: Session, name: str) -> str:
    """Make a project; its admin key, which is stored nowhere. Raises Malformed, Conflict."""
    project = Project(name=_named(name, "project"))
    try:
        with session.begin_nested():
            session.add(project)
    except IntegrityError:
        raise Conflict("there is a project of this name; choose another") from None
    row, printable = tenants.new_key(project.id, "admin", tenants.EVERY_SCOPE)
    session.add_all([row, _trace(project.id, "project.create", {})])
    return printable


def keyed(
    session: Session,
    wanted: str,
    name: str,
    scopes: Sequence[tenants.Scope],
    lives: timedelta | None = None,
) -> str:
    """Make one more key of the project, whatever has become of the others; returns what is
    stored nowhere, its printable form. Raises Missing, Malformed."""
    project = _wanted(session, wanted, hold=True)
    expires_at = None if lives is None else utc_now() + lives
    given = [scope for scope in tenants.EVERY_SCOPE if scope in scopes]
    row, printable = tenants.new_key(project.id, _named(name, "key"), given, expires_at)
    said = {"by": "operator", "scopes": given}
    session.add_all([row, tenants.audit(project.id, None, "key.create", row.id, None, **said)])
    return printable


def limited(
    session: Session, wanted: str, given: Mapping[str, Amount], defaults: Limits
) -> dict[str, Any]:
    """Set those limits of the project, and show all; raises Missing."""
    project = _wanted(session, wanted)
    for name, each in given.items():
        if each.default:
            forget_limit(session, project.id, name)
        else:
            set_limit(session, project.id, name, each.most)
    if given:
        said = {n: "default" if each.default else each.most for n, each in given.items()}
        session.add(_trace(project.id, "project.quota", said))
    session.flush()
    return _shown(session, project, defaults)


def _wanted(session: Session, wanted: str, *, hold: bool = False) -> Project:
    """The project of that id or name; held, nobody deletes it until the transaction ends."""
    named = select(Project).where(
        or_(Project.id == wanted, Project.name == wanted), Project.deleted_at.is_(None)
    )
    found = session.scalars(named.with_for_update(key_share=True) if hold else named).all()
    project = next((each for each in found if each.id == wanted), found[0] if found else None)
    if project is None:
        raise Missing(f"there is no project {wanted!r}; `list` shows them all")
    return project


def _named(name: str, whose: str) -> str:
    try:
        return _NAME.validate_python(name)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise Malformed(f"the {whose}'s name: {why}", param="name") from None


def _shown(session: Session, project: Project, defaults: Limits) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "limits": asdict(limits_of(session, project.id, defaults)),
        "own": sorted(own_limits(session, project.id)),
    }


def _trace(project_id: str, action: str, data: dict[str, Any]) -> Audit:
    """An operator has no key."""
    return Audit(
        project_id=project_id, key_id=None, action=action, target=project_id, data=data
    )
