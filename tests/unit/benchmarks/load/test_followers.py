"""What one follower makes of the messages of its streams."""

import random

from benchmarks.load.followers import Follower, Notes, random_job


def follower() -> tuple[Follower, Notes]:
    notes = Notes()
    made = Follower(lambda _, __: b"", 1, notes, random.Random(1))
    made.job = "job_1"
    return made, notes


def event(seq: int) -> bytes:
    return b'event: said\ndata: {"text":"id: 9"}\nid: %d' % seq


def test_events_in_their_order_are_counted_and_heartbeats_apart() -> None:
    made, notes = follower()
    for message in (b"retry: 3000", event(1), b": ping", event(2)):
        made.told(message)
    assert (made.last, notes.counts["events"], notes.counts["heartbeats"]) == (2, 2, 1)
    assert notes.faults == []


def test_a_gap_and_a_repetition_are_faults() -> None:
    made, notes = follower()
    for seq in (1, 3, 3):
        made.told(event(seq))
    assert (notes.counts["lost"], notes.counts["repeated"]) == (1, 1)
    assert notes.faults == [
        "job_1: lost, 3 came behind 1",
        "job_1: repeated, 3 came behind 3",
    ]


def test_a_refusal_is_a_fault_and_a_204_is_none() -> None:
    made, notes = follower()
    made.opened(503, 0.1)
    made.opened(204, 0.1)
    assert (notes.counts["status 503"], len(notes.faults)) == (1, 1)


def test_an_empty_group_is_never_chosen_from() -> None:
    rng = random.Random(1)
    assert {random_job((9, []), (1, ["a"]), rng=rng) for _ in range(20)} == {"a"}
    assert random_job((9, []), (1, []), rng=rng) is None
