"""What a running job is told when its project has used up its GPU minutes."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.store.quotas.limits import Limits
from app.store.quotas.minutes import this_month
from app.store.quotas.room import gpu_minutes_over
from lathe.states import Queue
from tests.unit.app.store.quotas.played import limited, ran


@pytest.mark.parametrize(
    ("own", "default", "over"),
    [
        ({}, None, None),  # nobody is limited
        ({}, 31, None),
        ({}, 30, 30),
        ({"gpu_minutes": 12}, 500, 12),
        ({"gpu_minutes": 31}, 1, None),
        ({"gpu_minutes": None}, 0, None),
    ],
)
def test_minutes_are_over_when_they_reach_the_limit_that_holds(
    session: Session, own: dict[str, int | None], default: int | None, over: int | None
) -> None:
    since, again = this_month(session)
    session.add(ran("a0", Queue.GPU, since, since + timedelta(minutes=30)))
    session.add(ran("a1", Queue.CPU, since, since + timedelta(minutes=400)))
    session.add(ran("b0", Queue.GPU, since, since + timedelta(minutes=400)))
    limited(session, "a", **own)
    found = gpu_minutes_over(session, "prj_a", Limits(gpu_minutes=default))
    if over is None:
        assert found is None
    else:
        assert found is not None
        assert found.detail.startswith(f"the project's {over} GPU minutes of this month were")
        assert f"retry it from {again:%Y-%m-%d} (UTC) on" in found.detail
