"""Everything that was counted, as series."""

from collections import defaultdict
from dataclasses import dataclass

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.rows import Tally


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one metric's labels, and its parts: `count`, or `sum` and upper bounds."""

    metric: str
    labels: tuple[str, ...]
    parts: dict[str, float]


async def tallies(session: AsyncSession) -> list[Series]:
    """Reads only: a few rows for each metric, technique and queue."""
    columns = (Tally.metric, Tally.labels, Tally.part, Tally.value)
    found: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for metric, labels, part, value in await session.execute(select(*columns)):
        found[metric, labels][part] = value
    return [
        Series(metric, tuple(orjson.loads(labels)), parts)
        for (metric, labels), parts in sorted(found.items())
    ]
