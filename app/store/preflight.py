"""What must be right before a process of the service starts, said in one line where it is not.

A server that does not answer is no reason to stay away: it may come back, and `/readyz` or
the log says so. A folder that cannot be written and a schema of another release are.
"""

import logging
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.store.migrate import Schema, schema_of
from app.store.settings import SharedSettings
from app.store.trouble import database_trouble

_MIGRATE = "run python -m app.migrate"

log = logging.getLogger(__name__)


def preflight(settings: SharedSettings) -> None:
    """End the process with one line when it could never work: a folder or a schema is wrong."""
    check_folders(settings)
    said = _schema(settings)
    if said is not None:
        raise SystemExit(said)


def check_folders(settings: SharedSettings) -> None:
    """The part of `preflight` that is to be right before the database has its tables."""
    said = _folders(settings)
    if said is not None:
        raise SystemExit(said)


def unusable_folder(folder: Path) -> str | None:
    """Why `folder` cannot be written to; one that is not there yet must be possible to make."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return f"{there} is a file where a folder is needed"
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return f"{there} cannot be read and written by this user; correct its owner or mode"
    return None


def _folders(settings: SharedSettings) -> str | None:
    target, objects = make_url(settings.database_url), urlsplit(settings.objects_url)
    if target.get_backend_name() == "sqlite":
        why = unusable_folder(Path(str(target.database)).absolute().parent)
        if why:
            return f"LATHE_DATABASE_URL: {why}"
    if objects.scheme == "file":
        why = unusable_folder(Path(unquote(objects.path)))
        if why:
            return f"LATHE_OBJECTS_URL: {why}"
    return None


def _schema(settings: SharedSettings) -> str | None:
    try:
        schema = schema_of(settings.database_url, settings.database_connect_timeout_s)
    except SQLAlchemyError as error:
        trouble = database_trouble(error)
        if trouble is None:
            raise
        log.warning("the database could not be asked for its schema: %s", trouble.detail)
        return None
    match schema:
        case Schema.MISSING:
            return f"LATHE_DATABASE_URL: this database has no tables yet; {_MIGRATE}"
        case Schema.BEHIND:
            return f"LATHE_DATABASE_URL: this database is of an older release; {_MIGRATE}"
        case Schema.AHEAD if settings.schema_ahead == "refuse":
            return (
                "LATHE_DATABASE_URL: this database is of a newer release; start that release, "
                "or let LATHE_SCHEMA_AHEAD be allow"
            )
        case Schema.AHEAD:
            log.warning("the database is of a newer release; this one works with what it knows")
            return None
        case _:
            return None
