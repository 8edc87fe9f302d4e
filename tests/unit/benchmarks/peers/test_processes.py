"""What a peer's process took, and what it said when it failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers import processes
from benchmarks.peers.memory import Peak
from benchmarks.peers.processes import PeerFailedError, peer

MIB = 1 << 20
TAKE_AND_FREE = "import time; taken = bytearray(80 << 20); del taken; time.sleep(0.1)"


def test_the_peak_is_that_of_a_process_that_has_given_its_memory_back() -> None:
    with Peak(os.getpid()) as peak:
        subprocess.run([sys.executable, "-c", TAKE_AND_FREE], check=True)
    assert 80 * MIB < peak.size_bytes < 200 * MIB


def test_what_was_there_before_does_not_count() -> None:
    command = [sys.executable, "-c", "taken = bytearray(80 << 20); print(flush=True); input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as large:
        assert large.stdout is not None
        large.stdout.readline()
        with Peak(os.getpid()) as peak:
            subprocess.run([sys.executable, "-c", "import time; time.sleep(0.1)"], check=True)
        large.communicate("\n")
    assert 0 < peak.size_bytes < 60 * MIB


def test_a_peer_that_fails_is_told_by_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PYTHON", Path(sys.executable))
    with pytest.raises(PeerFailedError, match=r"No module named benchmarks\.peers\.tools\.no"):
        peer("no", scratch=tmp_path, threads=1)
