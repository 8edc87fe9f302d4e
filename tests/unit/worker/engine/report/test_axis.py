from worker.engine.report.axis import Axis, Tick, spanning


def test_values_map_linearly_and_stop_at_the_edges() -> None:
    axis = Axis(low=2.0, high=12.0, start=100.0, end=0.0)
    assert [axis.at(v) for v in (2.0, 4.5, 12.0, 99.0)] == [100.0, 75.0, 0.0, 0.0]


def test_ticks_are_round_and_carry_the_decimals_of_their_step() -> None:
    axis = Axis(low=-0.31, high=0.62, start=0.0, end=93.0)
    assert axis.ticks(4) == [
        Tick(6.0, "-0.25"),
        Tick(31.0, "0.00"),
        Tick(56.0, "0.25"),
        Tick(81.0, "0.50"),
    ]
    assert [tick.label for tick in Axis(0, 4100, 0, 1).ticks(4)] == ["0", "2,000", "4,000"]


def test_a_single_value_still_gets_an_axis() -> None:
    assert spanning([5.0], 0, 100).at(5.0) == 50.0
    assert spanning([0.0], 0, 100).at(0.0) == 50.0


def test_what_hardly_differs_gets_a_span_that_shows_so_and_stays_below_the_most() -> None:
    # 99.0 to 99.5 is widened by 1.75 on both sides to 4, with 0.4 of margin: 96.85 to 101.65;
    # what is above 100 goes below: 95.2 to 100
    axis = spanning([99.0, 99.5], 0, 48, margin=0.1, least=4, most=100)
    assert round(axis.high, 9) == 100
    assert round(axis.low, 9) == 95.2
    # a span that needs no widening keeps its lower end
    axis = spanning([60.0, 100.0], 0, 1, margin=0.1, least=4, most=100)
    assert (axis.low, axis.high) == (56.0, 100.0)


def test_epochs_are_ticked_at_whole_numbers() -> None:
    assert [t.label for t in Axis(0.67, 12.33, 0, 1).ticks(whole=True)] == ["5", "10"]
    assert [t.label for t in Axis(0.97, 2.03, 0, 1).ticks(whole=True)] == ["1", "2"]
