"""`lathe up` and whoever reads what it says."""

import os
import sys
from pathlib import Path

import pytest

from app.up.__main__ import _say


def test_a_reader_that_has_gone_does_not_end_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        _say("ready")
        assert os.read(read, 9) == b"ready\n"
        os.close(read)
        _say("nobody reads this")
        _say("stopped")
        assert os.fstat(write).st_rdev == Path(os.devnull).stat().st_rdev
