"""Numbers in words."""

import pytest

from app.page import numbers


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1234, "1.23 kB"),
        (1_726_372, "1.73 MB"),
        (8 << 30, "8.59 GB"),
    ],
)
def test_sizes_go_by_thousands(count: int, said: str) -> None:
    assert numbers.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.01, "0 s"),
        (0.44, "0.4 s"),
        (48.2, "48 s"),
        (130, "2 min 10 s"),
        (180, "3 min"),
        (11_100, "3 h 5 min"),
        (187_200, "2 d 4 h"),
        (950_400, "11 d"),
    ],
)
def test_durations_name_their_two_largest_parts(seconds: float, said: str) -> None:
    assert numbers.duration(seconds) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("accuracy", 0.99405, "99.41 %"),
        ("second.agreement", 1.0, "100.00 %"),
        ("latency_ms", 0.1429, "0.143 ms"),
        ("latency_ms", 2500.0, "2.5 s"),
        ("size_bytes", 71_735, "71.7 kB"),
        ("sqnr_db", 31.26, "31.3 dB"),
        ("mse", 0.000123456, "0.0001235"),
    ],
)
def test_metrics_carry_their_unit(name: str, value: float, said: str) -> None:
    assert numbers.metric(value, name) == said


def test_names_of_fields_become_words() -> None:
    assert numbers.words("keep_macs") == "Keep MACs"
    assert numbers.words("angle.mse") == "Mse"
