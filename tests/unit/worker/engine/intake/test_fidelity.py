import numpy as np
import pytest

from worker.engine.intake.fidelity import faithful

LARGE = np.array([0.0, -20.0])  # allows 20 * 1e-4 + 1e-5 = 0.00201


@pytest.mark.parametrize(
    ("change", "passes"), [(0.0020, True), (-0.0020, True), (0.0021, False), (np.nan, False)]
)
def test_the_gate_is_relative_to_the_largest_answer(change: float, passes: bool) -> None:
    assert faithful({"y": LARGE}, {"y": LARGE + np.array([change, 0])}) is passes


def test_answers_of_zero_leave_the_absolute_part() -> None:
    zeros = np.zeros(3)
    assert faithful({"y": zeros}, {"y": zeros + 0.9e-5})
    assert not faithful({"y": zeros}, {"y": zeros + 1.1e-5})


def test_every_output_counts_and_shapes_and_names_must_match() -> None:
    good, other = {"a": LARGE, "b": LARGE}, {"a": LARGE, "b": LARGE + 1}
    assert faithful(good, good)
    assert not faithful(good, other)
    assert not faithful(good, {"a": LARGE})
    assert not faithful({"a": LARGE}, {"a": LARGE[None]})


def test_infinities_and_nans_must_stand_where_they_stood() -> None:
    holes = np.array([np.nan, -np.inf, 1.0])
    assert faithful({"y": holes}, {"y": holes.copy()})
    assert not faithful({"y": holes}, {"y": np.array([np.nan, np.inf, 1.0])})
    assert not faithful({"y": holes}, {"y": np.array([0.0, -np.inf, 1.0])})
