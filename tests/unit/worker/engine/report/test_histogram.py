from worker.engine.report.histogram import BOTTOM, TOP, histogram


def test_the_tallest_bar_fills_the_plot_and_the_others_share_its_scale() -> None:
    plot = histogram((4.0,) * 6, (1.0,) * 3, batch_size=7, contended=False)
    (high,), (low,) = plot.baseline.bars, plot.candidate.bars
    assert high.height == BOTTOM - TOP
    assert low.height == (BOTTOM - TOP) / 2
    assert low.x < high.x
    assert plot.candidate.median == 1.0


def test_a_slow_run_is_counted_instead_of_squeezing_the_axis() -> None:
    samples = tuple(1.0 + k / 1000 for k in range(200))
    plot = histogram((*samples, 90.0), samples, batch_size=None, contended=True)
    assert plot.beyond == 1
    assert plot.ticks[-1].label < "1.3"
