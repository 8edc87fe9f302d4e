"""Which processes the embedded service starts."""

import socket

import pytest

from app.up.__main__ import _children
from app.up.broker import Broker


@pytest.mark.parametrize(("slots", "settings"), [(None, {}), (3, {"LATHE_SLOTS": "3"})])
def test_only_the_cpu_worker_gets_the_slots_that_were_asked_for(
    slots: int | None, settings: dict[str, str]
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        children = _children(Broker("sqla+sqlite:///hints.db", "a table"), ours, slots)
    given = {child.name: child.settings for child in children}
    nothing: dict[str, str] = {}
    assert given == {
        "api": nothing,
        "worker-intake": nothing,
        "worker-cpu": settings,
        "sweep": nothing,
        "deliver": nothing,
    }
