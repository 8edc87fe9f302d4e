"""Work in a thread that its asker may never come back for."""

import asyncio
from typing import Any


def seen(work: asyncio.Future[Any]) -> None:
    """A done-callback: look at what the work raised, so that asyncio does not report it as
    never retrieved. Whoever awaits the work still gets it raised."""
    if not work.cancelled():
        work.exception()
