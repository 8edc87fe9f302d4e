"""The database's clock as SQL, so that processes on several machines agree about leases.

A process's own clock may be off or jump; the one database that all of them write to has one
clock. On PostgreSQL it is `clock_timestamp()`, which moves within a transaction (`now()`
stands still and would give away the seconds spent waiting for a lock). On SQLite it is
`strftime` in the very text that SQLAlchemy stores (`2031-05-07 09:08:07.654321`), so that
comparing text compares moments; its resolution is a millisecond.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, SQLColumnExpression, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.store.rows.base import UtcDateTime

Moment = datetime | SQLColumnExpression[datetime | None]

_SQLITE_TEXT = "%Y-%m-%d %H:%M:%f"  # milliseconds; '000' makes them six digits


class _Now(FunctionElement[datetime]):
    name = "db_now"
    type = UtcDateTime()
    inherit_cache = True


class _NowPlus(FunctionElement[datetime]):
    name = "db_now_plus"
    type = UtcDateTime()
    inherit_cache = True


class _MonthStart(FunctionElement[datetime]):
    name = "db_month_start"
    type = UtcDateTime()
    inherit_cache = True


class _SecondsBetween(FunctionElement[float]):
    name = "seconds_between"
    type = Float()
    inherit_cache = True


def db_now() -> ColumnElement[datetime]:
    """The database's present moment, for select, update and where."""
    return _Now()


def db_now_plus(seconds: float | SQLColumnExpression[float]) -> ColumnElement[datetime]:
    """The database's present moment moved by `seconds`; negative ones lie in the past."""
    return _NowPlus(literal(seconds, Float()) if isinstance(seconds, int | float) else seconds)


def db_month_start() -> ColumnElement[datetime]:
    """The first moment (UTC) of the calendar month that the database is in."""
    return _MonthStart()


def seconds_between(later: Moment, earlier: Moment) -> ColumnElement[float]:
    """`later - earlier` in seconds as an SQL float; NULL where either is NULL."""
    return _SecondsBetween(_moment(later), _moment(earlier))


def _moment(value: Moment) -> SQLColumnExpression[datetime | None]:
    return literal(value, UtcDateTime()) if isinstance(value, datetime) else value


def _clauses(element: FunctionElement[Any], compiler: SQLCompiler, kw: Any) -> list[str]:
    return [compiler.process(clause, **kw) for clause in element.clauses]


@compiles(_Now, "postgresql")
def _now_postgresql(_element: _Now, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "clock_timestamp()"


@compiles(_Now, "sqlite")
def _now_sqlite(_element: _Now, _compiler: SQLCompiler, **_kw: Any) -> str:
    return f"(strftime('{_SQLITE_TEXT}', 'now') || '000')"


@compiles(_MonthStart, "postgresql")
def _month_start_postgresql(_element: _MonthStart, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "date_trunc('month', clock_timestamp(), 'UTC')"


@compiles(_MonthStart, "sqlite")
def _month_start_sqlite(_element: _MonthStart, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "strftime('%Y-%m-01 00:00:00.000000', 'now')"


@compiles(_NowPlus, "postgresql")
def _now_plus_postgresql(element: _NowPlus, compiler: SQLCompiler, **kw: Any) -> str:
    (seconds,) = _clauses(element, compiler, kw)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(_NowPlus, "sqlite")
def _now_plus_sqlite(element: _NowPlus, compiler: SQLCompiler, **kw: Any) -> str:
    (seconds,) = _clauses(element, compiler, kw)
    modifier = f"printf('%+.3f seconds', {seconds})"
    return f"(strftime('{_SQLITE_TEXT}', 'now', {modifier}) || '000')"


@compiles(_SecondsBetween, "postgresql")
def _between_postgresql(element: _SecondsBetween, compiler: SQLCompiler, **kw: Any) -> str:
    later, earlier = _clauses(element, compiler, kw)
    return f"CAST(EXTRACT(EPOCH FROM ({later} - {earlier})) AS DOUBLE PRECISION)"


@compiles(_SecondsBetween, "sqlite")
def _between_sqlite(element: _SecondsBetween, compiler: SQLCompiler, **kw: Any) -> str:
    later, earlier = _clauses(element, compiler, kw)
    return f"((julianday({later}) - julianday({earlier})) * 86400.0)"
