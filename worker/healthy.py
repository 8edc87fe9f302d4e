"""`python -m worker.healthy`: the container's health check; 0 when its worker is seen.

A worker (or sweep) is healthy when the service sees it: its row was written within the last
minute. A worker that is stopping is not. While the database is away nobody is seen; jobs go
on all the same, so let nothing kill a worker for this answer alone.
"""

import socket
import sys

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.store.db import sessions, sync_engine
from app.store.fleet import serves_now
from app.store.rows import Worker
from worker.settings import Settings


def main() -> int:
    """Look for a row of this host; 1 when there is none."""
    engine = sync_engine(Settings.from_environment().database_url, pool_size=1)
    here = Worker.name.endswith(f"@{socket.gethostname()}", autoescape=True)
    try:
        with sessions(engine)() as session:
            session.connection(execution_options={"read_only": True})
            found = session.scalar(select(Worker.name).where(here, serves_now()).limit(1))
    except SQLAlchemyError as error:
        sys.stderr.write(f"the database does not answer ({type(error).__name__})\n")
        return 1
    finally:
        engine.dispose()
    sys.stdout.write(f"{found or 'no worker of this host is seen'}\n")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
