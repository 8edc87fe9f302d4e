"""Fixtures of tests whose children do as they are told, for conftests to take in."""

from collections.abc import Iterator

import pytest

from tests.services.worker.cell import World, outside
from worker.nursery import Nursery


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Bears children that try the act which their upload names."""
    nursery = Nursery("tests.services.worker.acts:perform")
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What those children must not reach."""
    with outside(tmp_path_factory.mktemp("w")) as world:
        yield world
