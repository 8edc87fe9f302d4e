"""What a row says of its first and last state, and which limits it keeps."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.alexnet.limits import LIMITS, lost, show
from benchmarks.alexnet.row import DENSE, Row, State

BEFORE = State(DENSE, 9000, None, 2250, 800, 4.0, 1.0, False, 0.85, 0.0)
PRUNED = State("prune.channels", 6000, None, 1500, 300, 2.0, 0.55, False, 0.8, 7.0)
PACKED = State("encode.entropy", 1500, 600, 1500, 200, 1.0, 0.25, True, 0.838, 0.1)


def row(net: str, case: str, *states: State) -> Row:
    return Row(net, case, 0, states, 60.0, "2026-11-22T21:00:00+00:00", {})


ROW = row("narrow", "together", BEFORE, PRUNED, PACKED)


def test_the_end_is_compared_with_the_dense_net_of_the_same_job() -> None:
    assert (ROW.smaller, ROW.packed_smaller) == (6.0, 15.0)  # 9000 / 1500, 9000 / 600
    assert (ROW.faster, ROW.macs_left) == (4.0, 0.25)  # 1 / 0.25, 200 / 800
    assert ROW.points_lost == pytest.approx(1.2)


def test_what_was_not_judged_has_lost_nothing_that_can_be_told() -> None:
    blind = row("whole", "svd", *(replace(state, accuracy=None) for state in (BEFORE, PACKED)))
    assert blind.points_lost is None
    with pytest.raises(ValueError, match="whole/svd was not judged"):
        lost(blind)


def test_a_row_without_a_packed_file_says_so() -> None:
    with pytest.raises(ValueError, match="narrow/filters has no packed file"):
        _ = row("narrow", "filters", BEFORE, PRUNED).packed_smaller


def test_rows_come_back_from_their_files_by_net_and_case(tmp_path: Path) -> None:
    ROW.save(tmp_path)
    assert Row.kept(tmp_path) == {"narrow/together": ROW}


def test_limits_are_asked_only_of_rows_that_are_there() -> None:
    found = [limit.line({"narrow/together": ROW}) for limit in LIMITS]
    there = {line.what: line.kept for line in found if line is not None}
    assert there["narrow, together: times smaller"]
    assert there["narrow, together: points lost"]
    assert len(there) < len(found)


def test_the_table_has_a_line_a_step_and_marks_what_was_timed_beside_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([ROW])
    _, dense, pruned, packed = capsys.readouterr().out.splitlines()
    assert dense.split()[:3] == ["narrow/together", DENSE, "9,000"]
    assert " ".join(pruned.split()) == "prune.channels 6,000 1.5 300 2.000 0.55 0.8000 7.0"
    assert packed.split()[1:4] == ["1,500", "600", "15.0"]
    assert packed.split()[6] == "0.25*"
