"""The generator's other end: its process, commands and answers."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_STOP_S = 20.0


class Clients:
    """All pollers and followers of a run."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = threading.Lock()  # one question at a time

    def know(
        self, *, finished: Sequence[str], moving: Sequence[str], resting: Sequence[str]
    ) -> None:
        """Which jobs there are now."""
        self._ask(do="jobs", finished=finished, moving=moving, resting=resting)

    def window(self, name: str) -> dict[str, Any]:
        """Polls count under `name` from now on; returns the window that ends here."""
        return self._ask(do="window", name=name)

    def follow(self, streams: int) -> None:
        """So many followers."""
        self._ask(do="follow", streams=streams)

    def herd(self, *, after_s: float) -> None:
        """All followers drop their connections at once and come back at once."""
        self._ask(do="herd", after_s=after_s)

    def tell(self) -> dict[str, Any]:
        """What the followers saw so far."""
        return self._ask(do="tell")

    def _ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the load generator has ended; see its error above")
        told: dict[str, Any] = json.loads(answer)
        return told


@contextmanager
def clients(url: str, key: str, polls_a_second: float) -> Iterator[Clients]:
    """A generator until the block ends."""
    command = [sys.executable, "-m", "benchmarks.load.generator"]
    command += [url.rpartition(":")[2], key, str(polls_a_second)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    ) as process:
        try:
            yield Clients(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
