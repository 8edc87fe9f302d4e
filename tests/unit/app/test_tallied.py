"""Counts of the database in the text that Prometheus reads."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.store.tallies import Series
from app.store.tallies.kinds import JOB_FAILURES, STEP
from app.tallied import Tallied


def samples(*series: Series) -> dict[tuple[str, ...], float]:
    text = generate_latest(Tallied(series)).decode()
    return {  # by the values of the labels in the order of their names
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_counter_keeps_its_name_and_labels() -> None:
    labels = ("compress", "cpu", "run_timeout")
    found = samples(Series(JOB_FAILURES.name, labels, {"count": 3.0}))
    code_kind_queue = ("run_timeout", "compress", "cpu")
    assert found == {("lathe_job_failures_total", *code_kind_queue): 3}


def test_a_histogram_adds_up_its_buckets() -> None:
    parts = {"0.5": 2.0, "10.0": 3.0, "+Inf": 1.0, "sum": 77.5}
    found = samples(Series(STEP.name, ("prune.channels",), parts))
    below = {le: n for (name, le, *_), n in found.items() if name.endswith("_bucket")}
    assert [below[le] for le in ("0.1", "0.5", "5.0", "10.0", "43200.0")] == [0, 2, 2, 5, 5]
    assert below["+Inf"] == found["lathe_step_seconds_count", "prune.channels"] == 6
    assert found["lathe_step_seconds_sum", "prune.channels"] == 77.5


def test_what_another_release_counted_with_other_labels_is_left_out() -> None:
    assert samples(Series(STEP.name, ("a", "b"), {"sum": 1.0}), Series("gone", (), {})) == {}
