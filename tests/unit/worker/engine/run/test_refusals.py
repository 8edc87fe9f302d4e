import errno

import pytest

from lathe.errors import OutOfDisk, OutOfMemory, StepImpossible
from worker.engine.run.refusals import Stopped, stopping


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (StepImpossible("no Conv"), StepImpossible),
        (MemoryError(), OutOfMemory),
        (OSError(errno.ENOSPC, "full"), OutOfDisk),
    ],
)
def test_a_refusal_carries_the_step_it_came_from(
    raised: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(Stopped) as stopped, stopping("slim"):
        raise raised
    assert stopped.value.step == "slim"
    assert isinstance(stopped.value.refused, expected)


def test_a_bug_passes_as_it_is() -> None:
    with pytest.raises(FileNotFoundError), stopping("slim"):
        raise FileNotFoundError(errno.ENOENT, "gone")
