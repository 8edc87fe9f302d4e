from lathe.report import LayerReport
from worker.engine.report.layer_plot import layer_plot


def layer(before: int, after: int, sqnr_db: float | None = None) -> LayerReport:
    return LayerReport(
        layer="conv",
        operator="Conv",
        bytes_before=before,
        bytes_after=after,
        shape_before=(1,),
        shape_after=(1,),
        nonzero=1,
        dtype="int8",
        sqnr_db=sqnr_db,
    )


def test_one_layer_is_no_picture() -> None:
    assert layer_plot((layer(4, 1),)) is None


def test_the_same_factor_is_the_same_distance_for_small_and_large_layers() -> None:
    found = layer_plot((layer(400, 100), layer(4_000_000, 1_000_000)))
    assert found is not None
    falls = [mark.after - mark.before for mark in found.marks if mark.after is not None]
    assert falls[0] > 0
    assert abs(falls[0] - falls[1]) < 0.2
    assert found.marks[1].before < found.marks[0].before


def test_a_layer_that_is_gone_keeps_its_place_and_has_no_dot_after() -> None:
    found = layer_plot((layer(400, 100), layer(400, 0), layer(400, 100, 30.0)))
    assert found is not None
    assert [mark.after is None for mark in found.marks] == [False, True, False]
    assert [mark.sqnr is None for mark in found.marks] == [True, True, False]
    assert found.marks[1].text == "2. conv: 400 B to 0 B"
    assert found.marks[2].text == "3. conv: 400 B to 100 B, SQNR 30.0 dB"
    assert found.text == "3 layers: 1.17 KiB of weights to 200 B, SQNR from 30.0 to 30.0 dB"


def test_a_layer_without_bytes_leaves_its_place_empty() -> None:
    found = layer_plot((layer(400, 100), layer(0, 0), layer(400, 100)))
    assert found is not None
    first, third = (mark.x for mark in found.marks)
    pitch = 260 / 3
    assert abs(third - first - 2 * pitch) < 0.2


def test_without_any_sqnr_there_is_no_axis_for_it() -> None:
    found = layer_plot((layer(400, 100), layer(400, 100)))
    assert found is not None
    assert found.sqnr_ticks == []
    assert found.height < 220


def test_a_thousand_layers_fit_in_the_width_of_the_page() -> None:
    found = layer_plot(tuple(layer(400, 100, 30.0) for _ in range(1000)))
    assert found is not None
    assert found.width < 1000
    assert found.marks[-1].x < found.width


def test_the_worse_layer_is_the_lower_one() -> None:
    found = layer_plot((layer(4, 1, -3.0), layer(4, 1, 25.0)))
    assert found is not None
    worse, better = (mark.sqnr for mark in found.marks)
    assert worse is not None
    assert better is not None
    assert worse > better


def test_a_layer_that_nobody_touched_does_not_flatten_the_others() -> None:
    found = layer_plot((layer(4, 1, 200.0), layer(4, 1, 15.0), layer(4, 1, 30.0)))
    assert found is not None
    untouched, low, high = (mark.sqnr for mark in found.marks)
    assert untouched is not None
    assert low is not None
    assert high is not None
    # 0 to 60 with 6 % of it on top, over 100 pixels that end at 306
    assert untouched == 206.0
    assert low == round(306 - 15 / 63.6 * 100, 1)
    assert high == round(306 - 30 / 63.6 * 100, 1)
    assert found.sqnr_ticks[-1].label == "60"
