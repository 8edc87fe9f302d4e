from pathlib import Path

import pytest

from worker.sandbox.cgroup import memory_limit_bytes, oom_kills


@pytest.mark.parametrize(
    ("limits", "least"),
    [
        ({"": "max", "pod": "max", "pod/worker": "max"}, None),
        ({"pod": "5000", "pod/worker": "7000"}, 5000),
        ({"pod": "max", "pod/worker": "7000"}, 7000),
        ({"": "300", "pod/worker": "7000"}, 300),
        ({}, None),
    ],
)
def test_the_least_limit_counts_of_a_group_and_those_above_it(
    limits: dict[str, str], least: int | None, tmp_path: Path
) -> None:
    (tmp_path / "pod" / "worker").mkdir(parents=True)
    for place, limit in limits.items():
        (tmp_path / place / "memory.max").write_text(f"{limit}\n")
    assert memory_limit_bytes(tmp_path, "pod/worker") == least


def test_a_container_sees_itself_as_the_root(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("4096\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n")
    assert memory_limit_bytes(tmp_path, "") == 4096
    assert oom_kills(tmp_path, "") == 2


def test_where_there_is_no_such_group_nothing_is_known(tmp_path: Path) -> None:
    assert memory_limit_bytes(tmp_path, "pod") is None
    assert oom_kills(tmp_path, "pod") == 0
