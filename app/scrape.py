"""One answer to Prometheus: what this process knows, and what the database and the disk say.

A database that is away does not silence the process: its own numbers are still given, with
`lathe_database_up` 0.
"""

import shutil
import time
from urllib.parse import unquote, urlsplit

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from app.metrics import Disk, Pool
from app.services import Services
from app.store.census import Census, Totals, census, totals

_TOTALS_FOR_S = 60.0


async def scrape(parts: Services) -> bytes:
    """The exposition text."""
    counted, added_up = await _counted(parts)
    return parts.metrics.text(
        counted,
        added_up,
        pool=_pool(parts),
        disk=_disk(parts.settings.objects_url),
    )


async def _counted(parts: Services) -> tuple[Census | None, Totals | None]:
    """What the database says; everything is added up once a minute at most."""
    metrics, now = parts.metrics, time.monotonic()
    try:
        async with parts.reading() as session:
            counted = await census(session)
            if metrics.totals is None or now - metrics.totals[0] > _TOTALS_FOR_S:
                metrics.totals = (now, await totals(session))
    except (SQLAlchemyError, OSError, TimeoutError):  # `/readyz` says why
        return None, None
    return counted, metrics.totals[1]


def _pool(parts: Services) -> Pool:
    pool = parts.engine.pool
    in_use = pool.checkedout() if isinstance(pool, QueuePool) else 0
    return Pool(in_use=in_use, limit=parts.settings.database_pool_size)


def _disk(objects_url: str) -> Disk | None:
    parts = urlsplit(objects_url)
    if parts.scheme != "file":
        return None
    try:
        usage = shutil.disk_usage(unquote(parts.path))
    except OSError:  # the folder is gone: `/readyz` says so
        return None
    return Disk(free_bytes=usage.free, size_bytes=usage.total)
