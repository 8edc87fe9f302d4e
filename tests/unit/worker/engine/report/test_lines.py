from worker.engine.report.lines import BOTTOM, LEFT, RIGHT, TOP, plot


def test_points_become_pixels_with_higher_values_further_up() -> None:
    drawn = plot("Loss", "epoch", [("loss", "candidate", [(1, 3.0), (2, 1.0)])])
    (line,) = drawn.lines
    (x1, y1), (x2, y2) = line.marks
    assert LEFT < x1 < x2 < RIGHT
    assert TOP < y1 < y2 < BOTTOM
    assert line.path == f"{x1},{y1} {x2},{y2}"


def test_many_points_are_drawn_without_dots() -> None:
    drawn = plot("Loss", "epoch", [("loss", "candidate", [(k, k) for k in range(41)])])
    assert drawn.lines[0].marks == []
