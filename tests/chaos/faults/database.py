"""Taking the database away: PostgreSQL stops or crashes, SQLite is locked by a stranger."""

import sqlite3

from sqlalchemy import make_url

from stacks.postgres import Postgres
from tests.chaos.arena import Arena


def outage(arena: Arena, kind: str) -> None:
    """Nobody can write for some seconds, with PostgreSQL nobody can read either."""
    if not arena.breaks("database", kind):
        return
    for_s = arena.dice.uniform(1.5, 6.0)
    if arena.stack.postgres is None:
        _lock(arena, kind, for_s)
    else:
        _stop(arena, arena.stack.postgres, kind, for_s)


def _stop(arena: Arena, postgres: Postgres, kind: str, for_s: float) -> None:
    crash = arena.dice.random() < 1 / 2
    postgres.stop(crash=crash)
    arena.diary.did(kind, f"{'crashed' if crash else 'stopped'} for {for_s:.1f} s")
    arena.mended("database", for_s, postgres.begin)


def _lock(arena: Arena, kind: str, for_s: float) -> None:
    path = make_url(arena.stack.database_url).database or ""
    stranger = sqlite3.connect(path, timeout=30, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    arena.diary.did(kind, f"a stranger holds the write lock for {for_s:.1f} s")

    def mend() -> None:
        stranger.execute("ROLLBACK")
        stranger.close()

    arena.mended("database", for_s, mend)
