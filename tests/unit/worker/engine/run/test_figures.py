from worker.engine.run import figures


def test_a_factor_close_to_one_shows_that_it_is_not_one() -> None:
    assert [figures.times(x) for x in (1.03, 1.16, 12.44)] == ["1.03x", "1.2x", "12.4x"]


def test_fractions_are_percent_and_their_changes_points() -> None:
    assert figures.score("accuracy", 0.98951) + figures.unit("accuracy") == "98.95 %"
    assert figures.change("accuracy", -0.0017) == "-0.17"
    assert figures.change("accuracy", -0.00001) == "+0.00"
    assert figures.score("spearman", 0.82031) + figures.unit("spearman") == "0.8203"
    assert figures.change("spearman", -0.00134) == "-0.00134"


def test_a_metric_of_a_further_task_is_written_as_that_of_the_first() -> None:
    assert figures.score("kind.accuracy", 0.5) + figures.unit("kind.accuracy") == "50.00 %"
    assert figures.change("accuracy.mse", 0.25) == "+0.25"


def test_sizes_take_the_unit_that_fits() -> None:
    assert [figures.size(x) for x in (812, 35_942, 4_404_019)] == [
        "812 B",
        "35.1 KiB",
        "4.20 MiB",
    ]


def test_counts_take_the_unit_that_fits() -> None:
    assert [figures.count(x) for x in (0, 812, 66_446, 2_293_000, 1_234_567_890)] == [
        "0",
        "812",
        "66.4 k",
        "2.29 M",
        "1.23 G",
    ]


def test_durations_take_the_unit_that_fits() -> None:
    assert [figures.duration(x) for x in (0.0412, 2.34, 250)] == [
        "41 ms",
        "2.3 s",
        "4 min 10 s",
    ]
