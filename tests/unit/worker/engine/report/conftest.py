"""The page of a report with everything in it."""

import pytest

from tests.unit.worker.engine.report.reports import full
from worker.engine.report.page import page


@pytest.fixture(scope="module")
def html() -> str:
    return page(full())
