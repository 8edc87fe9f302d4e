import errno

import pytest

from lathe.errors import OutOfDisk, OutOfMemory, StepImpossible
from worker.engine.run.refusals import Stopped, stopping


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (StepImpossible("no Conv"), StepImpossible),
        (MemoryError(), OutOfMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), OutOfMemory),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), OutOfMemory),
        (OSError(errno.ENOSPC, "full"), OutOfDisk),
    ],
)
def test_a_refusal_carries_the_step_it_came_from(
    raised: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(Stopped) as stopped, stopping(3):
        raise raised
    assert isinstance(stopped.value.refused, expected)
    assert stopped.value.failure().step == 3


def test_what_a_step_refused_stays_that_steps_also_from_outside() -> None:
    with pytest.raises(Stopped) as stopped, stopping(None), stopping(2):
        raise StepImpossible("no Conv")
    assert stopped.value.failure().step == 2


def test_a_bug_passes_as_it_is() -> None:
    with pytest.raises(FileNotFoundError), stopping(3):
        raise FileNotFoundError(errno.ENOENT, "gone")
