"""The table people read, and the lines that must hold."""

from collections.abc import Iterable

from benchmarks.harness import Line
from benchmarks.peers.case import Case
from benchmarks.peers.result import Result

SMALLER_AT_LEAST = 1.0
SLOWER_AT_MOST = 1.05  # what two copies of one file may differ by here
NAME_WIDTH = 38
HEAD = (
    f"{'':<{NAME_WIDTH}}{'raw kB':>10}{'packed kB':>11}{'smaller':>9}{'score':>9}"
    f"{'ms':>9}{'faster':>8}{'wall s':>9}{'peak MB':>9}"
)


def show(case: Case, results: list[Result]) -> None:
    """Print one case. Smaller is by the packed file against the float model, faster against
    its latency; `~` marks a latency that other work disturbed."""
    original = results[0]
    print(f"\n{case.name}: {case.metric}, batch 1 and one thread for the latency")
    print(HEAD)
    for result in results:
        print(_row(result, original))
        if result.error:
            print(f"    FAILED: {result.error}")


def _row(result: Result, original: Result) -> str:
    smaller = _over(original.raw_bytes, result.packed_bytes)
    faster = _over(original.latency_ms, result.latency_ms)
    disturbed = "~" if result.latency_contended else ""
    cells = (
        (_number(result.raw_bytes, 1e3, ".1f"), 10),
        (_number(result.packed_bytes, 1e3, ".1f"), 11),
        (_number(smaller, 1, ".2f"), 9),
        (_number(result.score, 1, ".4f"), 9),
        (disturbed + _number(result.latency_ms, 1, ".3f"), 9),
        (_number(faster, 1, ".2f"), 8),
        (_number(result.wall_s, 1, ".1f"), 9),
        (_number(result.peak_bytes, 1e6, ".0f"), 9),
    )
    return f"{result.name:<{NAME_WIDTH}}" + "".join(f"{cell:>{width}}" for cell, width in cells)


def lines(case: Case, results: list[Result]) -> list[Line]:
    """Lathe's best against the peers' best, each among files that lose no more than the case
    allows; and how many of Lathe's jobs failed."""
    original = results[0].score
    assert original is not None
    kept = [r for r in results if r.score is not None and original - r.score <= case.most_lost]
    packed = [_least(r.packed_bytes for r in kept if r.ours == ours) for ours in (True, False)]
    times = [_least(r.latency_ms for r in kept if r.ours == ours) for ours in (True, False)]
    failed = [r for r in results if r.ours and r.error]
    return [
        Line(
            f"{case.name}: smallest peer over Lathe, packed",
            _over(packed[1], packed[0]) or 0.0,
            SMALLER_AT_LEAST,
            at_least=True,
        ),
        Line(
            f"{case.name}: Lathe's latency over a peer's",
            _over(times[0], times[1]) or float(2**31),
            SLOWER_AT_MOST,
            at_least=False,
        ),
        Line(f"{case.name}: jobs of Lathe that failed", len(failed), 0, at_least=False),
    ]


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _over(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def _number(value: float | None, unit: float, form: str) -> str:
    return "-" if value is None else format(value / unit, form)
