"""The first key of a new installation."""

from app.store import tenants
from app.store.db import sessions, sync_engine


def bootstrap(database_url: str) -> str | None:
    """Make the default project and its admin key in a migrated database, exactly once.

    Returns the printable key the first time and None ever after.
    """
    engine = sync_engine(database_url)
    try:
        with sessions(engine).begin() as session:
            return tenants.bootstrap(session)
    finally:
        engine.dispose()
