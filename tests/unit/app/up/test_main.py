"""`lathe up` and whoever reads what it says."""

import os
import sys

import pytest

from app.up.__main__ import _say


def test_a_reader_that_has_gone_does_not_end_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        _say("ready")
        _say("stopped")
