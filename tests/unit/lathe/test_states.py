"""Which moves a job may make."""

from lathe.states import MOVES, JobState

Q, R = JobState.QUEUED, JobState.RUNNING
ENDS = {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


def test_the_three_ends_are_finished_and_nothing_else_is() -> None:
    assert {state for state in JobState if state.finished} == ENDS


def test_a_lost_lease_goes_back_to_queued_but_only_a_claim_leads_to_an_end_with_success() -> (
    None
):
    assert Q in MOVES[R]
    assert JobState.SUCCEEDED in MOVES[R]
    assert JobState.SUCCEEDED not in MOVES[Q]


def test_every_state_is_reached_from_queued() -> None:
    reached, edge = {Q}, {Q}
    while edge:
        edge = {after for state in edge for after in MOVES[state]} - reached
        reached |= edge
    assert reached == set(JobState)
