import errno

import pytest

from lathe.errors import OutOfDisk, Refused, TooMuchWritten
from worker.child import _explained


@pytest.mark.parametrize(
    ("number", "refusal"),
    [(errno.ENOSPC, OutOfDisk), (errno.EDQUOT, OutOfDisk), (errno.EFBIG, TooMuchWritten)],
)
def test_a_full_disk_invites_to_try_again_and_a_file_over_the_limit_does_not(
    number: int, refusal: type[Refused]
) -> None:
    explained = _explained(OSError(number, "what the kernel said"))
    assert type(explained) is refusal
    assert explained.retryable is (refusal is OutOfDisk)
