"""Scratch space for what the passes compute."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.engine.onnx_file.spill import Spill


@pytest.fixture
def spill(tmp_path: Path) -> Iterator[Spill]:
    with Spill(tmp_path / "spill") as made:
        yield made
