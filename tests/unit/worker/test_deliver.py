"""How long a courier waits behind a failed try."""

from pathlib import Path

import pytest

from app.store.db import sessions, sync_engine
from app.store.outbound import Allowed
from worker.deliver import Courier
from worker.outbound.guard import Guard
from worker.settings import Settings


@pytest.fixture
def courier(tmp_path: Path) -> Courier:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/lathe.db", webhook_retries_s="5,300,1800"
    )
    opened = sessions(sync_engine(settings.database_url, pool_size=1))
    return Courier(opened, Guard(Allowed(), silence_s=1), settings)


def test_each_wait_is_stretched_by_a_fifth_at_most_and_behind_the_last_try_is_none(
    courier: Courier,
) -> None:
    for attempt, least_s in ((1, 5.0), (2, 300.0), (3, 1800.0)):
        waits = {courier._retry_s(attempt, 0.0) for _ in range(50)}
        assert len(waits) > 40  # by chance
        assert all(wait and least_s <= wait <= 1.2 * least_s for wait in waits)
    assert courier._retry_s(4, 0.0) is None


def test_a_receiver_that_asks_for_time_gets_it(courier: Courier) -> None:
    assert courier._retry_s(1, 90.0) == 90
    assert (courier._retry_s(2, 90.0) or 0) >= 300
    assert courier._retry_s(4, 90.0) is None
