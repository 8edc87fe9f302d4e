"""Chances and logits."""

import math

from lathe.packed.logistic import LIMIT, SQUASH, STRETCH


def test_a_logit_of_one_is_a_chance_of_73_percent() -> None:
    assert SQUASH[LIMIT] == 32768
    assert SQUASH[LIMIT + 256] == 47910  # 65536 * 0.731059
    assert SQUASH[LIMIT - 512] == 65536 - 57723  # 65536 * 0.880797
    assert (SQUASH[0], SQUASH[-1]) == (4, 65532)


def test_stretch_is_the_first_logit_that_reaches_the_chance() -> None:
    assert len(STRETCH) == 65536
    assert STRETCH[32768] == 0
    assert STRETCH[47910] == 256
    assert STRETCH[47911] == 257
    assert (STRETCH[0], STRETCH[65535]) == (-LIMIT, LIMIT)


def test_the_tables_are_those_of_every_machine() -> None:
    exact = [65536 / (1 + math.exp(-logit / 256)) for logit in range(-LIMIT, LIMIT + 1)]
    assert (
        max(abs(is_ - was) for is_, was in zip(SQUASH[500:-500], exact[500:-500], strict=True))
        < 1
    )
    assert sum(place * chance for place, chance in enumerate(SQUASH)) == 772_651_649_684
