"""Deadlines on PostgreSQL for both drivers, so that a server that is gone, frozen or behind
a cut cable costs seconds and not the kernel's minutes.

Three things end a wait. The server itself cancels a statement that is too slow
(`statement_timeout`). One that does not even do that is frozen or unreachable: asyncpg then
gives up a little later, and its connection is cut off without another word, because every
further message to it would wait just as long. Where the network swallows everything, psycopg
has the kernel's probes (tcp_keepalives_*, tcp_user_timeout; RFC 5482), set to half a minute.

The other way round, the server ends a transaction whose client says nothing
(`idle_in_transaction_session_timeout`): a worker that froze while it held its job's row would
keep it from everybody else, and the sweep passes locked rows over.
"""

import math
from typing import Any

import asyncpg
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.store.waits import Waits

_FROZEN_AFTER = 1.2  # of the server's own limit: it deserves to speak first
_PROBES = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
_LEAST_CONNECT_S = 2  # libpq takes whole seconds, and 1 as 2


def asyncpg_arguments(waits: Waits) -> dict[str, Any]:
    """What asyncpg is to be connected with."""
    arguments: dict[str, Any] = {"timeout": waits.connect_s, "async_creator_fn": _connected}
    if waits.statement_s is not None:
        arguments["command_timeout"] = waits.statement_s * _FROZEN_AFTER
    arguments["server_settings"] = _limits(waits)
    return arguments


def psycopg_arguments(waits: Waits) -> dict[str, Any]:
    """What psycopg is to be connected with."""
    connect_s = max(_LEAST_CONNECT_S, math.ceil(waits.connect_s))
    arguments: dict[str, Any] = {"connect_timeout": connect_s, **_PROBES}
    arguments["options"] = " ".join(f"-c {name}={ms}" for name, ms in _limits(waits).items())
    return arguments


def cut_off_late_ones(engine: Engine) -> None:
    """Give an asyncpg engine's connections up when they are late, and before they are used
    when the server has closed them; no round trip is spent on asking."""
    event.listen(engine, "handle_error", _cut_off)
    event.listen(engine, "checkout", _still_open)


async def _connected(*arguments: Any, **named: Any) -> asyncpg.Connection:
    """A connection; what the operating system refuses becomes an error of SQL."""
    try:
        return await asyncpg.connect(*arguments, **named)
    except TimeoutError as error:
        raise asyncpg.ClientCannotConnectError("no connection in time") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise asyncpg.ClientCannotConnectError(reason) from error


def _cut_off(context: ExceptionContext) -> OperationalError | None:
    late = context.original_exception
    if not isinstance(late, TimeoutError | OSError):
        return None
    if context.connection is not None and not context.connection.invalidated:
        driver = context.connection.connection.driver_connection
        if isinstance(driver, asyncpg.Connection):
            driver.terminate()
    context.is_disconnect = True
    return OperationalError(context.statement, None, late, connection_invalidated=True)


def _still_open(
    connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection
) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed this connection")


def _limits(waits: Waits) -> dict[str, str]:
    """What the server itself is to end."""
    limits = {"idle_in_transaction_session_timeout": _in_ms(waits.silent_s)}
    if waits.statement_s is not None:
        limits["statement_timeout"] = _in_ms(waits.statement_s)
    return limits


def _in_ms(seconds: float) -> str:
    return str(round(1000 * seconds))
