"""What the project uses beside what it may, as figures of the overview."""

from dataclasses import dataclass
from datetime import datetime

from app.page import numbers
from app.store.quotas.usage import Usage
from lathe.states import Queue


@dataclass(frozen=True, slots=True)
class Figure:
    """One of them; `share` is the used part of the limit, None where there is none."""

    title: str
    used: str
    said: str
    share: float | None

    @property
    def full(self) -> bool:
        """Nothing is left."""
        return self.share is not None and self.share >= 1


def figures(usage: Usage) -> tuple[Figure, ...]:
    """Bytes, jobs that are not finished, those that run, and GPU minutes of the month."""
    limits = usage.limits
    unfinished = sum(number for state, number in usage.jobs.items() if not state.finished)
    stored = usage.stored.counted
    most_bytes, most_jobs = limits.stored_bytes, limits.unfinished_jobs
    return (
        _figure("Stored", stored, most_bytes, numbers.size(stored), numbers.size(most_bytes)),
        _figure("Unfinished jobs", unfinished, most_jobs, f"{unfinished:,}", f"{most_jobs}"),
        _running(usage),
        _minutes(usage.minutes[Queue.GPU], limits.gpu_minutes, usage.until),
    )


def _figure(title: str, used: float, most: int | None, shown: str, most_shown: str) -> Figure:
    share = _share(used, most)
    if share is None:
        return Figure(title, shown, "no limit", None)
    return Figure(
        title, shown, f"of {most_shown}" + (", none left" if share >= 1 else ""), share
    )


def _running(usage: Usage) -> Figure:
    """The jobs of each queue beside its limit; the share is that of the fullest."""
    said, shares = [], []
    for queue, number in usage.running.items():
        most = usage.limits.running(queue)
        said.append(f"{queue} {number}" + ("" if most is None else f" of {most}"))
        if (share := _share(number, most)) is not None:
            shares.append(share)
    total = f"{sum(usage.running.values()):,}"
    if not shares:
        said.append("no limit")
    return Figure("Running jobs", total, ", ".join(said), max(shares, default=None))


def _minutes(used: float, most: int | None, until: datetime) -> Figure:
    share = _share(used, most)
    if share is None:
        said = "this month, no limit"
    elif share < 1:
        said = f"of {most:,} until {until:%Y-%m-%d}"
    else:
        said = f"of {most:,}, the next from {until:%Y-%m-%d}"
    return Figure("GPU minutes", f"{used:,.1f}", said, share)


def _share(used: float, most: int | None) -> float | None:
    if most is None:
        return None
    return min(1.0, used / most) if most else 1.0
