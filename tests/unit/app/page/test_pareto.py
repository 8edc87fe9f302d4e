"""Which files nothing beats."""

from app.page.pareto import Point, value_of, with_front


def point(name: str, size: float, score: float) -> Point:
    return Point(name, "candidate", size, score, None)


def test_the_front_is_what_no_smaller_file_scores_as_well_as() -> None:
    points = [point("big", 9, 0.9), point("worse", 5, 0.6), point("small", 2, 0.7)]
    points += [point("twin", 2, 0.5), point("even", 7, 0.7)]
    marked = with_front(points, "accuracy")
    assert [each.name for each in marked] == ["small", "twin", "worse", "even", "big"]
    assert [each.name for each in marked if each.front] == ["small", "big"]


def test_of_an_error_less_is_better() -> None:
    points = [point("big", 9, 0.9), point("small", 2, 0.7), point("mid", 5, 0.1)]
    marked = with_front(points, "angle.mse")
    assert [each.name for each in marked if each.front] == ["small", "mid"]


def test_the_smallest_batch_of_the_onnx_file_is_taken() -> None:
    told = [("latency_ms", "onnx", 32, 5.0), ("latency_ms", "onnx", 1, 3.0)]
    told += [("latency_ms", "packed", 1, 2.0)]
    assert value_of(told, "latency_ms") == 3.0
    assert value_of(told, "size_bytes") is None
