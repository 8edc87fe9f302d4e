"""Tell a database in trouble from a bug, whichever driver speaks.

PostgreSQL says what happened by SQLSTATE (its manual, appendix A), SQLite by result code
(https://sqlite.org/rescode.html). What is in neither table is a bug and stays one.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lathe.errors import OutOfDisk, Refused, Unavailable

_FULL = "the database's disk is full; an operator must free some, then retry"
_BUSY = "every database connection is in use; retry in a moment"
_SLOW = "the database took too long; retry in a moment"
_DOWN = "the database does not answer; retry in a moment"
_LOCKED = "the database is locked by another process; retry in a moment"

_BY_SQLSTATE = {
    "25006": "the database is read-only at the moment; retry in a moment",
    "25P03": "the database gave this process up while it stood still; retry",
    "28": "the database refuses this service's user; an operator must correct it",
    "3D000": "the database server has no database of this name; an operator must make it",
    "40001": "two writers met in the database; retry",
    "40P01": "two writers met in the database; retry",
    "53200": "the database is out of memory; retry in a moment",
    "53300": "the database has no connection left; retry in a moment",
    "55P03": _SLOW,
    "57014": _SLOW,
    "57P": _DOWN,
    "58": "the database cannot read or write its files; an operator must look",
    "08": _DOWN,
}
_DISK_FULL = "53100"
_BY_RESULT_CODE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened; an operator must look",
    sqlite3.SQLITE_READONLY: "the database file is read-only; an operator must look",
    sqlite3.SQLITE_IOERR: "the database file cannot be read or written; an operator must look",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged; an operator must restore it",
    sqlite3.SQLITE_NOTADB: "the database file is damaged; an operator must restore it",
}
_PRIMARY = 0xFF  # an extended result code holds the primary one in its lowest byte


def database_trouble(error: SQLAlchemyError) -> Refused | None:
    """The answer for a database that is down, slow, busy or full; None when `error` is a bug.

    No text shows a statement, a value or an address.
    """
    if isinstance(error, PoolTimeout):
        return Unavailable(_BUSY)
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if state == _DISK_FULL:
        return OutOfDisk(_FULL)
    if state is not None:
        said = next(
            (_BY_SQLSTATE[state[:n]] for n in (5, 3, 2) if state[:n] in _BY_SQLSTATE), None
        )
        return Unavailable(said) if said else None
    gone = error.connection_invalidated or isinstance(error, OperationalError)
    return Unavailable(_DOWN) if gone or _closed(error) else None


def _of_sqlite(error: sqlite3.Error) -> Refused | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code & _PRIMARY == sqlite3.SQLITE_FULL:
        return OutOfDisk(_FULL)
    said = _BY_RESULT_CODE.get(code & _PRIMARY)
    return Unavailable(said) if said else None


def _closed(error: DBAPIError) -> bool:
    """Both drivers raise InterfaceError for a connection that was cut under them."""
    return isinstance(error, InterfaceError) and "closed" in str(error.orig)


def in_one_line(error: SQLAlchemyError) -> str:
    """What happened, for a log: the drivers' own texts have several lines."""
    trouble = database_trouble(error)
    if trouble is not None:
        return trouble.detail
    return f"{type(error).__name__}: {error}".partition("\n")[0]
