"""How long the two sides wait for their database before they say so."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds. One request of the API waits at most for a connection of the pool, then for
    the connection or for one statement, and answers 503 at the first that is too late."""

    connect_s: float = 3.0  # until a new connection stands
    statement_s: float | None = 5.0  # for one statement, its locks included; None: for ever
    pool_s: float = 3.0  # until another request gives a connection back
    silent_s: float = 30.0  # in a transaction: a frozen process must not hold rows for ever


PATIENT = Waits(connect_s=5.0, statement_s=None, pool_s=30.0)  # workers and migrations
