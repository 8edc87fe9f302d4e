import pytest

from worker.engine.intake.archive import ArchiveRefusedError, Budget
from worker.wire import Limits


def _budget() -> Budget:
    return Budget(Limits(max_bytes=5 << 20, max_members=3, max_ratio=10), packed_bytes=200_000)


def test_what_headers_declare_is_summed_before_anything_is_read() -> None:
    budget = _budget()
    budget.admit("a", 3 << 20, None)
    with pytest.raises(ArchiveRefusedError, match="more than 5242880 bytes"):
        budget.admit("b", (2 << 20) + 1, None)
    assert budget.unpacked_bytes == 0


def test_a_negative_size_makes_no_room_for_others() -> None:
    with pytest.raises(ArchiveRefusedError, match="'a' declares a negative size"):
        _budget().admit("a", -2, None)


def test_what_really_comes_out_is_counted_whatever_was_declared() -> None:
    budget = _budget()
    budget.admit("a", 10, 10)
    budget.count("a", 1_999_999)
    with pytest.raises(ArchiveRefusedError, match="10 times"):  # 2,000,001 of 200,000
        budget.count("a", 2)


def test_a_member_is_refused_by_its_own_ratio() -> None:
    with pytest.raises(ArchiveRefusedError, match="'a' unfolds to more than 10 times"):
        _budget().admit("a", 2_000_000, 199_999)
    _budget().admit("a", 1_999_990, 199_999)


def test_below_a_mebibyte_no_ratio_is_too_high() -> None:
    _budget().admit("a", 1 << 20, 1)


def test_a_name_counts_once() -> None:
    budget = _budget()
    budget.admit("a", 1, 1)
    with pytest.raises(ArchiveRefusedError, match="'a' twice"):
        budget.admit("a", 1, 1)
