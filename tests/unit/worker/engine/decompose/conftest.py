"""Nets with every kind of layer that is looked at one by one, and images to look at."""

from dataclasses import replace

import pytest

from tests.unit.worker.engine.decompose.images import Images, net
from tests.unit.worker.engine.layerwise.mixed import mixed, mixed_inputs
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec

__all__ = ["mixed", "mixed_inputs"]


@pytest.fixture
def seeing(learning: Context) -> Context:
    """`learning` for the images."""
    images = Images()
    return replace(
        learning,
        io=io_spec(net()),
        train=images,
        calibration=images,
        teachers={"baseline": net()},
    )
