"""The chart as each set of values renders it."""

import pytest

from tests.unit.stack.chart import SETS, Manifest, rendered, values


@pytest.fixture(scope="module", params=SETS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(values(request.param))


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    gpu = values("gpu")
    return rendered({**gpu, "backup": {"enabled": True}})
