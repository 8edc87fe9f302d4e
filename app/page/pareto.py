"""Files by size and score, and which of them nothing beats in both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lathe.task import is_lower_better

Told = tuple[str, str, int | None, float]  # metric, of which file, batch size, value


@dataclass(frozen=True)
class Point:
    """One measured file; on the `front` when nothing as small scores as well."""

    name: str
    role: str
    size_bytes: float
    score: float
    latency_ms: float | None
    href: str | None = None
    front: bool = False


def with_front(points: Sequence[Point], metric: str) -> list[Point]:
    """The points, smallest first, with those on the front marked.

    Sorted by size, a point is on the front when its score is better than that of every
    smaller one.
    """
    sign = -1.0 if is_lower_better(metric) else 1.0
    ordered = sorted(points, key=lambda point: (point.size_bytes, -sign * point.score))
    best: float | None = None
    marked = []
    for point in ordered:
        worth = sign * point.score
        front = best is None or worth > best
        best = worth if front else best
        marked.append(replace(point, front=front))
    return marked


def value_of(told: Iterable[Told], metric: str) -> float | None:
    """The value of a metric of the ONNX file, at the smallest batch."""
    wanted = (metric, "onnx")
    found = [(batch or 0, value) for name, of, batch, value in told if (name, of) == wanted]
    return min(found)[1] if found else None
