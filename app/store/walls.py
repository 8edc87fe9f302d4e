"""What a worker tells of the walls around its children, read from its row.

Any key may be missing: an older release told less, and one before that nothing.
"""

from collections import Counter
from collections.abc import Iterable

from app.store.rows import Worker
from lathe.views import SandboxView

_OFF = "all of them (LATHE_SANDBOX=off)"
_SECCOMP, _LANDLOCK = "seccomp", "landlock"


def walls(worker: Worker) -> SandboxView | None:
    """As the worker told; None where it told nothing."""
    told = worker.facts.get("sandbox")
    if not isinstance(told, dict):
        return None
    view = SandboxView.model_validate(told)
    if view.mode == "off":
        return view.model_copy(update={"missing": (_OFF,)})
    if "missing" in told:
        return view
    found = ((_LANDLOCK, bool(view.landlock_abi)), (_SECCOMP, view.seccomp))
    return view.model_copy(
        update={"missing": tuple(name for name, there in found if not there)}
    )


def open_walls(workers: Iterable[Worker]) -> str | None:
    """A sentence about the walls that the children of some of these workers lack, or None."""
    told = [view for worker in workers if (view := walls(worker)) is not None]
    lacking = [view for view in told if view.missing]
    if not lacking:
        return None
    gaps = Counter(gap for view in lacking for gap in view.missing)
    named = "; ".join(f"{gap}: {times}" for gap, times in sorted(gaps.items()))
    return (
        f"walls are missing around the jobs of {len(lacking)} of {len(told)} workers: {named}"
    )
