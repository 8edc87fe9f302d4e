"""`lathe usage`: what the project uses and what it may."""

from collections.abc import Callable

from lathe.cli.connect import connected
from lathe.cli.options import AsJson, Key, Url
from lathe.cli.say import show, table
from lathe.states import Queue
from lathe.usage import UsageView

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


def usage(url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """What the project uses, and its limits."""
    with connected(url, key) as service:
        found = service.lathe.usage()
    if as_json:
        show(found)
        return
    table(("", "used", "limit"), _rows(found))


def _rows(found: UsageView) -> list[tuple[str, str, str]]:
    stored, limits, minutes = found.stored, found.limits, found.month.minutes
    unfinished = sum(count for state, count in found.jobs.items() if not state.finished)
    return [
        ("stored", _bytes(stored.total), _limit(limits.stored_bytes, _bytes)),
        *(
            (f"  {kind}", _bytes(getattr(stored, kind)), "")
            for kind in ("models", "datasets", "artifacts", "uploads")
        ),
        ("unfinished jobs", str(unfinished), _limit(limits.unfinished_jobs)),
        *(
            (f"running in {queue}", str(count), _limit(limits.running(queue)))
            for queue, count in found.running.items()
        ),
        ("GPU minutes", f"{minutes[Queue.GPU]:.1f}", _limit(limits.gpu_minutes)),
        ("CPU minutes", f"{minutes[Queue.CPU]:.1f}", ""),
        ("minutes from", f"{found.month.since:%Y-%m-%d}", f"to {found.month.until:%Y-%m-%d}"),
    ]


def _limit(most: int | None, said: Callable[[int], str] = str) -> str:
    return "none" if most is None else said(most)


def _bytes(count: int) -> str:
    """In the largest unit that leaves a digit before the point."""
    left = float(count)
    for unit in _UNITS[:-1]:
        if left < _STEP:
            return f"{left:.4g} {unit}"
        left /= _STEP
    return f"{left:.4g} {_UNITS[-1]}"
