"""Several runs in the progress of one step."""

from pathlib import Path

import pytest

from lathe.facts import IoSpec
from lathe.views import Progress
from worker.engine.context import Context
from worker.engine.progress import part_of


def test_a_part_reports_its_fraction_of_the_whole_and_no_end_of_its_own() -> None:
    seen: list[Progress] = []
    whole = Context(io=IoSpec(inputs=(), outputs=()), folder=Path(), progress=seen.append)
    part = part_of(whole, 0.25, 0.75)
    part.progress(Progress(fraction=0.5, current=3, total=6, unit="examples", eta_s=4.0))
    inner = part_of(part, 0.5, 1.0)
    inner.progress(Progress(fraction=1.0))
    assert seen[0].fraction == pytest.approx(0.5)
    assert (seen[0].current, seen[0].unit, seen[0].eta_s) == (3, "examples", None)
    assert seen[1].fraction == pytest.approx(0.75)
    assert part.seed == whole.seed
    part_of(whole, 0.75, 1).progress(Progress(fraction=0.5, eta_s=4.0))
    assert (seen[2].fraction, seen[2].eta_s) == (0.875, 4.0)  # the end of the last is the end


@pytest.mark.parametrize("parts", range(1, 30))
def test_the_last_of_many_parts_ends_at_one_and_not_a_rounding_beyond(parts: int) -> None:
    seen: list[Progress] = []
    whole = Context(io=IoSpec(inputs=(), outputs=()), folder=Path(), progress=seen.append)
    share = 0.9 / parts
    first = 0.1 + share * (parts - 1)
    part_of(whole, first, first + share).progress(Progress(fraction=1.0))
    assert 1 - 1e-12 < seen[0].fraction <= 1
