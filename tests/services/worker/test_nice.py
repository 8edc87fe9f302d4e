"""The process that runs a job stands back behind the host's other ones; its supervisor does
not, so that leases are renewed in time."""

import os
from pathlib import Path

import pytest

from tests.services.worker.cell import attempt
from worker.nursery import Nursery

NICE = 11
GROUP = Path("/proc/self/autogroup")


@pytest.mark.skipif(not GROUP.exists(), reason="this kernel does not group by session")
def test_a_jobs_process_and_its_session_have_the_nice_value_that_was_set(
    tmp_path: Path,
) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = max(NICE, own)
    nursery = Nursery("tests.services.worker.acts:perform", nice=NICE)
    try:
        group, _ = attempt(nursery, tmp_path, "off", {"act": "read", "path": str(GROUP)})
        stat, _ = attempt(nursery, tmp_path, "off", {"act": "read", "path": "/proc/self/stat"})
    finally:
        nursery.close()
    assert group is not None
    assert stat is not None
    assert group.detail.split()[-1] == str(wanted)
    assert int(stat.detail.rpartition(")")[2].split()[16]) == wanted  # proc_pid_stat(5)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
