import pytest

from worker.engine.intake.reshape_form import Sizes, freed_form, reshape_form


@pytest.mark.parametrize(
    ("seen", "form"),
    [
        ([((2, 3, 4), (2, 12)), ((5, 3, 4), (5, 12))], (0, -1)),
        ([((2, 7, 4, 8), (2, 7, 32)), ((5, 9, 4, 8), (5, 9, 32))], (0, 0, -1)),
        ([((2, 7, 32), (2, 7, 4, 8)), ((5, 9, 32), (5, 9, 4, 8))], (0, 0, 4, -1)),
        ([((2, 3, 4), (24,)), ((5, 3, 4), (60,))], (-1,)),
        ([((2, 4, 7, 8), (8, 7, 8)), ((5, 4, 7, 8), (20, 7, 8))], (-1, 7, 8)),
        ([((2, 8, 3, 3), (2, 2, 4, 9)), ((5, 8, 3, 3), (5, 2, 4, 9))], (0, 2, 4, 9)),
        ([((2, 6, 9), (6, 9, 2)), ((5, 6, 4), (6, 4, 5))], None),  # two axes move about
        ([((2, 0), (0, 2))], None),  # 0 would copy
    ],
)
def test_the_form_follows_what_varied(
    seen: list[tuple[Sizes, Sizes]], form: Sizes | None
) -> None:
    assert reshape_form(seen) == form


@pytest.mark.parametrize(
    ("before", "after", "form"),
    [
        ((3, 8, 4), (3, 32), (0, -1)),
        ((3, 8, 4), (3, 2, 4, 4), (0, 2, 4, 4)),
        ((3, 8, 4), (24, 4), (-1, 4)),
        ((3, 8, 4), (8, 12), None),  # the batch is not where it can be followed
        ((4, 8), (32,), None),  # the input does not lead with the batch
    ],
)
def test_a_literal_batch_of_three_is_freed(
    before: Sizes, after: Sizes, form: Sizes | None
) -> None:
    assert freed_form([(before, after)], 3) == form
