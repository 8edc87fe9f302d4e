"""The most memory that any one process of some work took."""

from benchmarks.rss import KIB, PROC, Lookout, children

EVERY_S = 0.01


class Peak(Lookout):
    """While entered: VmHWM of every process below `root` that was not there before.

    `size_bytes` is the largest of them. The kernel keeps a process's peak, so that looking
    every 10 ms misses no peak but one in a process's last 10 ms. A child that still runs the
    root's own program, before it becomes another, shows the root's memory: it is left out.
    """

    def __init__(self, root: int) -> None:
        super().__init__(root, EVERY_S)
        self.size_bytes = 0
        self._program = _program(root)
        self._before = set(_below(root))

    def look(self) -> None:
        """At every process that was born since."""
        for pid in _below(self.root):
            if pid not in self._before and _program(pid) != self._program:
                self.size_bytes = max(self.size_bytes, _peak_bytes(pid))


def _below(root: int) -> list[int]:
    """Every living descendant."""
    try:
        born = children(root)
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid for child in born for pid in (child, *_below(child))]


def _program(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _peak_bytes(pid: int) -> int:
    """0 for a process that has just ended."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith("VmHWM")), 0)
