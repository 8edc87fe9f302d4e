"""A peer's script in a fresh process of the peers' own environment."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.memory import Peak

PYTHON = Path(".venv-peers/bin/python")
MOST_S = 3600.0
SHOWN_CHARACTERS = 300


class PeerFailedError(Exception):
    """A peer ended without its file; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took."""

    wall_s: float
    peak_bytes: int


def peer(tool: str, *arguments: str, scratch: Path, threads: int) -> Spent:
    """Run `tools/<tool>.py`; raises PeerFailedError.

    Imports are part of what it takes. No peer may report its use to its maker, ask a hub, or
    write into the user's home: only `scratch` is given to it.
    """
    environment = os.environ | {
        "CI": "true",  # NNCF and Olive send no telemetry then
        "HF_HUB_OFFLINE": "1",
        "HOME": str(scratch),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONWARNINGS": "ignore",
    }
    log = scratch / "peer.log"
    start_s = time.perf_counter()
    with log.open("wb") as said, Peak(os.getpid()) as peak:
        process = subprocess.Popen(
            [str(PYTHON), "-m", f"benchmarks.peers.tools.{tool}", *arguments],
            env=environment,
            stdout=said,
            stderr=said,
        )
        try:
            status = process.wait(MOST_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise PeerFailedError(f"not done after {MOST_S:.0f} s") from error
    if status != 0:
        raise PeerFailedError(_last_words(log) or f"exit status {status}")
    return Spent(time.perf_counter() - start_s, peak.size_bytes)


def _last_words(log: Path) -> str:
    """The last line that is not empty: of a traceback that is the error."""
    lines = log.read_text(errors="replace").splitlines()
    said = (line.strip() for line in reversed(lines) if line.strip())
    return next(said, "")[:SHOWN_CHARACTERS]
