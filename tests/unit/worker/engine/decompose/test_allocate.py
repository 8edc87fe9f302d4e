"""Which layers pay for a budget, by hand."""

import itertools

import numpy as np
import pytest

from worker.engine.decompose.allocate import Offers, allocate, hull, steps_by_slope


def offers(full: int, *pairs: tuple[int, float]) -> Offers:
    return Offers(full, np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))


# loss per saving from (100, 0): 0.1/20 to 80; then 0.2/20 to 60; 0.1/10 to 50; 0.9/30 to 20
LONG = offers(100, (20, 1.3), (50, 0.4), (60, 0.3), (80, 0.1), (70, 0.25), (90, 0.2))
SHORT = offers(40, (30, 0.07), (10, 0.5))


def test_the_hull_leaves_out_what_costs_more_for_what_it_loses() -> None:
    # 70 loses 0.25, above the line from 80 (0.1) to 60 (0.3); 90 loses more than 80 does
    assert [int(LONG.costs[k]) for k in hull(LONG)] in ([80, 60, 50, 20], [80, 50, 20])


def test_a_point_on_the_line_between_two_is_no_corner() -> None:
    # from (40, 0): 1 is lost for 10, again 1 for 10, then 2 for 10
    assert hull(offers(40, (30, 1.0), (20, 2.0), (10, 4.0))) == [1, 2]


def test_a_hull_begins_at_the_layer_as_it_is() -> None:
    # (100, 0) to 90 loses 0.02 a unit and from there to 50 less: 90 lies above the line
    assert hull(offers(100, (90, 0.2), (50, 0.3))) == [1]


def test_a_saving_that_is_little_dearer_than_the_one_before_is_a_corner_too() -> None:
    # losses a unit: 0.1, 0.2, 0.4, 0.45
    assert hull(offers(100, (60, 11.5), (70, 7.0), (80, 3.0), (90, 1.0))) == [3, 2, 1, 0]


def test_a_cheap_offer_may_take_the_place_of_several_dear_ones() -> None:
    # losses a unit: 0.1, 0.2, 0.4, 0.5, 0.125; without 60 the last is 5.5/14 < 0.4, without
    # 70 too it is 9.5/24 > 0.2
    sagging = offers(100, (56, 12.5), (60, 12.0), (70, 7.0), (80, 3.0), (90, 1.0))
    assert hull(sagging) == [4, 3, 0]


def test_of_two_offers_that_are_the_same_one_is_on_the_hull() -> None:
    assert len(hull(offers(100, (50, 0.25), (50, 0.25), (60, 0.25)))) == 1


def test_the_steps_of_all_layers_come_in_the_order_of_loss_per_saving() -> None:
    wide = offers(100, (20, 1.5), (50, 0.5), (75, 0.125))
    narrow = offers(40, (30, 0.07), (10, 0.5))
    steps = steps_by_slope([wide, narrow])
    assert [(step.layer, step.place, step.offer) for step in steps] == [
        (0, 0, 2),
        (1, 0, 0),
        (0, 1, 1),
        (1, 1, 1),
        (0, 2, 0),
    ]
    slopes = [0.125 / 25, 0.07 / 10, 0.375 / 25, 0.43 / 20, 1.0 / 30]
    assert [step.slope for step in steps] == pytest.approx(slopes)


@pytest.mark.parametrize(
    ("saving", "costs"),
    [
        (1, (80, 40)),  # at 0.005 a unit; 90 is enough too, but loses more
        (20, (80, 40)),
        (21, (80, 30)),  # SHORT at 0.007 a unit comes next
        (31, (70, 30)),  # LONG's next corner is 60, but 70 is enough and loses less
        (41, (60, 30)),
        (60, (50, 30)),
        (61, (50, 10)),
        (110, (20, 10)),
    ],
)
def test_savings_are_taken_where_they_lose_least(saving: int, costs: tuple[int, int]) -> None:
    chosen = allocate([LONG, SHORT], saving)
    got = tuple(
        each.full if place is None else int(each.costs[place])
        for each, place in zip((LONG, SHORT), chosen, strict=True)
    )
    assert got == costs


def test_the_last_layer_gives_no_more_than_it_must() -> None:
    straight = offers(100, *((cost, 1 - cost / 100) for cost in range(10, 100, 10)))
    assert straight.costs[allocate([straight], 35)] == [60]
    sagging = offers(100, (60, 0.5), (20, 0.6))  # 60 is above the hull, but is enough
    assert allocate([sagging], 40) == [0]


def test_what_cannot_be_saved_is_an_error() -> None:
    with pytest.raises(ValueError, match="save 110 and not 111"):
        allocate([LONG, SHORT], 111)


def test_no_choice_of_hull_points_that_costs_as_little_loses_less() -> None:
    draw = np.random.default_rng(6)
    for _ in range(20):
        layers = []
        for _ in range(3):
            costs = draw.choice(np.arange(1, 50), 6, replace=False)
            layers.append(
                Offers(50, costs, np.square(1 - costs / 50) * draw.uniform(0.5, 1, 6))
            )
        every = [[(50, 0.0), *zip(o.costs, o.losses, strict=True)] for o in layers]
        chosen = allocate(layers, 60)
        mine = [every[k][0 if c is None else c + 1] for k, c in enumerate(chosen)]
        cost, loss = sum(c for c, _ in mine), sum(q for _, q in mine)
        assert cost <= 90
        rivals = (c for c in itertools.product(*every) if sum(x for x, _ in c) <= cost)
        best = min(sum(q for _, q in rival) for rival in rivals)
        assert loss <= best + 0.35  # a hull is not all points; its steps are convex
