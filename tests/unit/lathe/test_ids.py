"""TypeIDs: their form, their order, their alphabet."""

import time

import pytest
from pydantic import TypeAdapter, ValidationError

from lathe import ids


def test_an_id_is_its_prefix_and_26_characters() -> None:
    made = ids.new("job")
    assert made.startswith("job_")
    assert len(made) == 30
    assert ids.is_id("job", made)
    assert not ids.is_id("mdl", made)


def test_the_bits_are_those_of_a_uuid_version_7(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of RFC 9562, A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F."""
    uuid = 0x017F22E279B07CC398C4DC0C0C07398F
    milliseconds = 0x017F22E279B0
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F
    random = rand_a << 68 | rand_b  # 12 bits and 62 bits, as they are drawn
    monkeypatch.setattr(time, "time_ns", lambda: milliseconds * 1_000_000)
    monkeypatch.setattr(ids.os, "urandom", lambda _: random.to_bytes(10))
    suffix = ids.new("job").removeprefix("job_")
    value = 0
    for character in suffix:
        value = value << 5 | "0123456789abcdefghjkmnpqrstvwxyz".index(character)
    assert f"{value:032x}" == f"{uuid:032x}"


def test_ids_of_later_milliseconds_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1_000_000, 2_000_000, 1_700_000_000_000_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    made = [ids.new("job") for _ in range(3)]
    assert made == sorted(made)


def test_no_two_are_alike() -> None:
    assert len({ids.new("job") for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "job_01jzzzzzzzzzzzzzzzzzzzzzz",  # 25
        "job_01jzzzzzzzzzzzzzzzzzzzzzzzz",  # 27
        "job_81jzzzzzzzzzzzzzzzzzzzzzzz",  # 130 bits hold 128: the first is 0 to 7
        "job_01jzzzzzzzzzzzzzzzzzzzzzzl",  # no l, i, o, u
        "JOB_01jzzzzzzzzzzzzzzzzzzzzzzz",
        "job_01jzzzzzzzzzzzzzzzzzzzzzzz\n",
        "",
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    assert not ids.is_id("job", text)
    with pytest.raises(ValidationError):
        TypeAdapter(ids.JobId).validate_python(text)
