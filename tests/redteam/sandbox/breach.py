"""An engine that has been taken over, behind all walls but those that its upload leaves out.

The upload is that of `acts` with one word more, `{"act": name, "without": [wall, ...]}`. The
walls are the real ones, built in their order by `worker.sandbox.walls` and kept by
`worker.sandbox.watch`; what an upload does not leave out is there.
"""

import json
import resource
from collections.abc import Callable
from pathlib import Path

from lathe.errors import ResourceExhausted
from tests.redteam.sandbox import acts
from worker import child
from worker.sandbox import walls
from worker.sandbox.walls import Confinement, Policy
from worker.sandbox.watch import Watch
from worker.wire import TASK, Compress

perform = acts.perform

LANDLOCK, SECCOMP, RIGHTS = "landlock", "seccomp", "rights"
DATA, ADDRESSES, FILE_SIZE = "data", "addresses", "file size"
OPEN_FILES, WATCH = "open files", "watch"
LIMITS = {
    DATA: resource.RLIMIT_DATA,
    ADDRESSES: resource.RLIMIT_AS,
    FILE_SIZE: resource.RLIMIT_FSIZE,
    OPEN_FILES: resource.RLIMIT_NOFILE,
}
WALLS = (LANDLOCK, SECCOMP, RIGHTS, *LIMITS, WATCH)

_set = resource.setrlimit


def left_out(inside: Path) -> frozenset[str]:
    """What the upload in a job's folder wants to be without."""
    task = TASK.validate_json((inside / "task.json").read_bytes())
    if isinstance(task, Compress):
        return frozenset()
    wish = json.loads((inside / task.upload).read_bytes())
    return frozenset(wish.get("without", ()))


def confine(policy: Policy) -> Confinement:
    """`walls.confine` of a child that is alone in its process, without what is left out."""
    without = left_out(policy.read[0])
    replaced: dict[str, tuple[str, Callable[..., object]]] = {
        LANDLOCK: ("restrict_files", lambda *_: 0),
        SECCOMP: ("restrict_syscalls", lambda: None),
        RIGHTS: ("_drop_capabilities", lambda: None),
    }
    for wall, (name, nothing) in replaced.items():
        if wall in without:
            setattr(walls, name, nothing)
    lifted = {LIMITS[wall] for wall in LIMITS if wall in without}

    def limit(kind: int, most: tuple[int, int]) -> None:
        hard = resource.getrlimit(kind)[1]
        _set(kind, (hard, hard) if kind in lifted else most)

    resource.setrlimit = limit
    return walls.confine(policy)


class Blinking(Watch):
    """A supervisor's watch, which looks away where the upload wants it to."""

    def _first_broken(self, handle: int) -> ResourceExhausted | None:
        if WATCH not in left_out(self._folder.inside):
            return super()._first_broken(handle)
        return None


child.confine = confine  # type: ignore[attr-defined]
