"""What the overview says of a project's quotas."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.page.used import Figure, figures
from app.store.quotas.limits import Limits, set_limit
from app.store.quotas.stored import Stored
from app.store.quotas.usage import Usage
from lathe.states import JobState, Queue

USAGE = Usage(
    at=datetime(2031, 5, 7, tzinfo=UTC),
    stored=Stored(models=1_000_000, datasets=200_000, artifacts=30_000, checkpoints=9 << 40),
    jobs=dict.fromkeys(JobState, 50) | {JobState.QUEUED: 3, JobState.RUNNING: 4},
    running={Queue.INTAKE: 0, Queue.CPU: 3, Queue.GPU: 1},
    minutes={Queue.INTAKE: 0.5, Queue.CPU: 61.0, Queue.GPU: 12.34},
    since=datetime(2031, 5, 1, tzinfo=UTC),
    until=datetime(2031, 6, 1, tzinfo=UTC),
    limits=Limits(),
)


def limited(**most: int) -> tuple[Figure, ...]:
    return figures(replace(USAGE, limits=Limits(**most)))


def test_without_limits_the_figures_say_so() -> None:
    assert figures(USAGE) == (
        Figure("Stored", "1.23 MB", "no limit", None),
        Figure("Unfinished jobs", "7", "no limit", None),
        Figure("Running jobs", "4", "intake 0, cpu 3, gpu 1, no limit", None),
        Figure("GPU minutes", "12.3", "this month, no limit", None),
    )


def test_a_limit_stands_beside_what_is_used_of_it() -> None:
    found = limited(
        stored_bytes=4_920_000,
        unfinished_jobs=70,
        running_jobs=4,
        running_gpu=8,
        gpu_minutes=1234,
    )
    assert [(each.said, each.full) for each in found] == [
        ("of 4.92 MB", False),
        ("of 70", False),
        ("intake 0 of 4, cpu 3 of 4, gpu 1 of 8", False),
        ("of 1,234 until 2031-06-01", False),
    ]
    assert [each.share for each in found] == pytest.approx([0.25, 0.1, 0.75, 0.01])


def test_what_is_used_up_is_said_in_words() -> None:
    found = limited(stored_bytes=1_000_000, unfinished_jobs=7, running_gpu=1, gpu_minutes=12)
    assert [(each.said, each.full, each.share) for each in found] == [
        ("of 1 MB, none left", True, 1),
        ("of 7, none left", True, 1),
        ("intake 0, cpu 3, gpu 1 of 1", True, 1),
        ("of 12, the next from 2031-06-01", True, 1),
    ]


def test_a_limit_of_nothing_is_used_up_by_nothing() -> None:
    none_stored = replace(USAGE, stored=Stored(), limits=Limits(stored_bytes=0))
    assert figures(none_stored)[0] == Figure("Stored", "0 B", "of 0 B, none left", 1)


@pytest.mark.anyio
async def test_the_overview_shows_the_projects_own_usage(world: Any, browser: Any) -> None:
    await world.model()  # one blob of 30 bytes
    page = await browser.see("/")
    assert page.count("no limit") == 4
    assert 'bar-fill" width' not in page
    async with world.parts.writing() as session:
        await session.run_sync(set_limit, world.project_id, "stored_bytes", 120)
        await session.run_sync(set_limit, world.project_id, "gpu_minutes", 0)
    page = await browser.see("/")
    assert "30 B" in page
    assert "of 120 B" in page
    assert 'bar-fill" width="25.00"' in page
    assert page.count('class="full"') == 1
