"""Events that were lost or doubled are found by the numbers alone."""

from typing import Any

from benchmarks.load.verify import faults

FEEDS = {"a": (4, 4), "b": (7, 7)}


def told(**changes: Any) -> dict[str, Any]:
    """Two streams of `a` that ended, one of `b` that is open behind 6, one that is not."""
    return {
        "counts": {"events": 4 + 4 + 6 + 2},
        "ended": {"a": {"4": 2}},
        "following": [["b", 6, True], ["b", 2, False]],
        **changes,
    }


def test_what_agrees_has_no_fault() -> None:
    assert faults(told(), {"a": (4, 4), "b": (6, 6)}, FEEDS) == []


def test_a_stream_that_ended_before_its_feed_is_named() -> None:
    said = faults(told(ended={"a": {"4": 1, "3": 1}}, counts={"events": 15}), {}, FEEDS)
    assert said == ["a: 1 streams ended behind 3, the feed behind 4"]


def test_an_open_stream_that_has_fallen_behind_is_named() -> None:
    assert faults(told(), {"b": (7, 7)}, FEEDS) == [
        "b: an open stream is at 6, the feed was at 7"
    ]


def test_one_event_too_few_in_all_is_noticed() -> None:
    assert faults(told(counts={"events": 15}), {}, FEEDS) == ["15 events received, 16 expected"]


def test_a_feed_with_a_hole_is_named() -> None:
    assert faults(told(), {}, FEEDS | {"c": (2, 3)}) == ["c has 2 events up to 3"]
