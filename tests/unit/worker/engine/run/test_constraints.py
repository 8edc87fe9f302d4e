from lathe.limits import Constraint
from lathe.report import Candidate, Measurement
from worker.engine.run.constraints import violations


def candidate(**values: float) -> Candidate:
    return Candidate(
        id="int8",
        file="net.onnx",
        sha256="0" * 64,
        measurements=tuple(
            Measurement(metric=metric, value=value, unit="") for metric, value in values.items()
        ),
    )


def test_a_drop_is_baseline_minus_candidate_where_higher_is_better() -> None:
    limit = (Constraint(metric="accuracy", max_drop=0.01),)
    (broken,) = violations(limit, candidate(accuracy=0.9), candidate(accuracy=0.8))
    assert round(broken.excess, 6) == round(0.09 / 0.89, 6)
    assert broken.text == "accuracy dropped by 10 points (90 -> 80 %), at most 1 allowed"
    assert violations(limit, candidate(accuracy=0.9), candidate(accuracy=0.95)) == ()


def test_a_drop_is_an_increase_where_lower_is_better() -> None:
    limit = (Constraint(metric="mse", max_drop=0.5),)
    (broken,) = violations(limit, candidate(mse=2.0), candidate(mse=3.5))
    assert broken.excess == 1.0 / 2.5
    assert broken.text == "mse rose by 1.5 (2 -> 3.5), at most 0.5 allowed"
    assert violations(limit, candidate(mse=2.0), candidate(mse=0.1)) == ()


def test_a_further_task_has_the_direction_of_its_own_metric() -> None:
    limit = (Constraint(metric="tilt.mse", max_drop=0.5),)
    before, worse, better = (candidate(**{"tilt.mse": value}) for value in (2.0, 3.5, 0.1))
    (broken,) = violations(limit, before, worse)
    assert broken.text == "tilt.mse rose by 1.5 (2 -> 3.5), at most 0.5 allowed"
    assert violations(limit, before, better) == ()


def test_a_drop_of_exactly_the_limit_holds_despite_rounding() -> None:
    assert 0.5017 - 0.005 > 0.4967
    limit = (Constraint(metric="accuracy", max_drop=0.005),)
    assert violations(limit, candidate(accuracy=0.5017), candidate(accuracy=0.4967)) == ()
    assert violations(limit, candidate(accuracy=0.5017), candidate(accuracy=0.4966))


def test_upper_and_lower_bounds_look_at_the_candidate_alone() -> None:
    limits = (Constraint(metric="size_bytes", max=400), Constraint(metric="accuracy", min=0.8))
    broken = violations(limits, candidate(), candidate(size_bytes=500, accuracy=0.6))
    assert [round(each.excess, 6) for each in broken] == [0.25, 0.25]
    assert broken[0].text == "size_bytes is 500, at most 400 allowed"
    assert broken[1].text == "accuracy is 0.6, at least 0.8 wanted"
    assert violations(limits, candidate(), candidate(size_bytes=400, accuracy=0.8)) == ()


def test_a_limit_of_the_packed_file_looks_at_that_file_and_at_the_baseline_s_only_one() -> None:
    small = Measurement(metric="size_bytes", of="packed", value=120, unit="bytes")
    after = candidate(size_bytes=500)
    after = after.model_copy(update={"measurements": (*after.measurements, small)})
    limit = Constraint(metric="size_bytes", of="packed", max=100)
    (broken,) = violations((limit,), candidate(size_bytes=500), after)
    assert broken.excess == 0.2
    assert broken.text == "packed size_bytes is 120, at most 100 allowed"
    rise = Constraint(metric="size_bytes", of="packed", max_drop=10)
    (broken,) = violations((rise,), candidate(size_bytes=70), after)
    assert broken.text == "packed size_bytes rose by 50 (70 -> 120), at most 10 allowed"
    (missing,) = violations((limit,), candidate(), candidate(size_bytes=9))
    assert missing.text.startswith("packed size_bytes could not be measured")


def test_a_limit_on_something_unmeasured_does_not_hold() -> None:
    (broken,) = violations((Constraint(metric="macs", max=9),), candidate(), candidate())
    assert broken.excess == float("inf")
    assert "macs could not be measured" in broken.text
