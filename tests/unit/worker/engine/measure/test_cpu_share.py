import os
from pathlib import Path

import pytest

from worker.engine.measure.cpu_share import CpuMoment, others_share


def test_others_are_what_is_busy_and_not_ours() -> None:
    start = CpuMoment(busy_s=100.0, own_s=10.0, clock_s=50.0)
    end = CpuMoment(busy_s=106.0, own_s=13.5, clock_s=54.0)
    # 6 busy seconds, 3.5 of them ours, of 4 cores for 4 seconds
    assert others_share(start, end, cores=4) == pytest.approx(2.5 / 16)


def test_rounding_never_makes_a_share_negative() -> None:
    start = CpuMoment(busy_s=100.0, own_s=10.0, clock_s=50.0)
    assert others_share(start, CpuMoment(100.0, 10.02, 50.03), cores=2) == 0
    assert others_share(start, start, cores=2) == 0


def test_waiting_for_the_disk_is_not_busy(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 9000 8000 4 5 6 70 80\ncpu0 1 1 1 1\n")
    moment = CpuMoment.now(stat)
    assert moment.busy_s == pytest.approx(165 / os.sysconf("SC_CLK_TCK"))
