"""Pauses take no time in these tests; what was paused for is kept."""

import time

import anyio
import pytest


@pytest.fixture(autouse=True)
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []

    async def sleep(delay: float) -> None:
        seconds.append(delay)

    monkeypatch.setattr(time, "sleep", seconds.append)
    monkeypatch.setattr(anyio, "sleep", sleep)
    return seconds
