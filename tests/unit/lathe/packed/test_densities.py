"""Densities of columns and their surroundings, by hand."""

import numpy as np

from lathe.packed.densities import Densities, row_logit
from lathe.packed.field import Field
from lathe.packed.logistic import STRETCH


def test_counts_make_densities() -> None:
    field = Field(columns=3, height=1, width=3)
    densities = Densities(field, field.places, 6554)
    assert densities.overall == 6554
    assert densities.logits() == ([STRETCH[6554]] * 3,) * 2
    codes = [0] * field.size
    codes[field.places[0]], codes[field.places[1]] = 2, -1
    densities.add(codes)
    overall = (2 * 65536 + 40 * 6554) // 43
    assert densities.overall == overall
    column = [(65536 * ones + 2 * overall) // 3 for ones in (1, 1, 0)]
    around = [(65536 + 4 * overall) // (count + 4) for count in (1, 2, 1)]
    assert densities.logits() == ([STRETCH[x] for x in column], [STRETCH[x] for x in around])


def test_a_row_begins_at_the_density_of_all() -> None:
    assert row_logit(0, 0, 5000) == STRETCH[5000]
    assert row_logit(3, 4, 5000) == STRETCH[(3 * 65536 + 40000) // 12]


def test_dead_columns_are_nobodys_neighbours() -> None:
    field = Field(columns=3, height=1, width=3)
    densities = Densities(field, field.places[[0, 2]], 1000)
    codes = [0] * field.size
    codes[field.places[0]] = 1
    densities.add(codes)
    _, around = densities.logits()
    assert around == [STRETCH[densities.overall]] * 2
    assert np.isfinite(around).all()
