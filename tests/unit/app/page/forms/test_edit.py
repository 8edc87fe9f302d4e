"""What buttons do to a draft."""

from typing import Any

import pytest

from app.page.forms.edit import edited
from lathe.errors import Malformed

DRAFT: dict[str, Any] = {
    "steps": [{"n": 1, "of": [7]}, {"n": 2}, {"n": 3}],
    "name": "x",
    "none": {},
}


@pytest.mark.parametrize(
    ("button", "left"),
    [
        ("remove:steps.1", [1, 3]),
        ("up:steps.2", [1, 3, 2]),
        ("down:steps.0", [2, 1, 3]),
        ("up:steps.0", [1, 2, 3]),
        ("down:steps.2", [1, 2, 3]),
        ("add:steps", [1, 2, 3, 9]),
    ],
)
def test_items_are_added_removed_and_moved(button: str, left: list[int]) -> None:
    made = edited(DRAFT, button, {"n": 9})
    assert [item["n"] for item in made["steps"]] == left
    assert len(DRAFT["steps"]) == 3


def test_lists_within_items_are_changed_alone() -> None:
    made = edited(DRAFT, "add:steps.0.of", 8)
    assert made["steps"][0] == {"n": 1, "of": [7, 8]}
    assert made["steps"][1:] == DRAFT["steps"][1:]
    assert edited(DRAFT, "add:steps.1.of", 8)["steps"][1] == {"n": 2, "of": [8]}


@pytest.mark.parametrize(
    "button",
    [
        "remove:name",
        "up:steps.x",
        "swap:steps.0",
        "add:name.0.a",
        "add:none",
        f"remove:steps.{'9' * 5000}",
        f"add:steps.{'9' * 5000}.of",
    ],
    ids=lambda button: button[:30],
)
def test_what_is_not_there_is_refused(button: str) -> None:
    with pytest.raises(Malformed):
        edited(DRAFT, button, 0)
