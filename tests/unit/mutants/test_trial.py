"""That a changed module is what the tests of a process see, and what was loaded before."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants.trial import fate, limit_of, load_without

TEST = "from mutant_user import twice\n\ndef test_it() -> None:\n    assert twice(3) == 6\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module, one that imports it, one that does not, and a test; unloaded at the end."""
    (tmp_path / "mutant_sum.py").write_text("def plus(a, b):\n    return a + b\n")
    (tmp_path / "mutant_user.py").write_text(
        "from mutant_sum import plus\n\ndef twice(a):\n    return plus(a, a)\n"
    )
    (tmp_path / "mutant_apart.py").write_text("SEVEN = 7\n")
    (tmp_path / "test_twice.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("mutant_sum", "mutant_user", "mutant_apart"):
        sys.modules.pop(name, None)


def test_only_what_does_not_need_the_changed_module_is_loaded_before(folder: Path) -> None:
    load_without("mutant_sum", ["mutant_user", "mutant_sum", "mutant_apart", "mutant_none"])
    assert "mutant_apart" in sys.modules
    assert not {"mutant_sum", "mutant_user"} & set(sys.modules)
    assert __import__("mutant_sum").plus(1, 2) == 3  # nobody is refused it any more


def test_a_test_that_reaches_the_change_through_another_module_notices(folder: Path) -> None:
    load_without("mutant_sum", ["mutant_user", "mutant_apart"])
    source, tests = folder / "mutant_sum.py", [folder / "test_twice.py"]
    right, wrong = ast.parse(source.read_text()), ast.parse("def plus(a, b):\n    return a - b")
    assert fate("mutant_sum", source, right, tests, limit_s=20)[0] == "survived"
    assert fate("mutant_sum", source, wrong, tests, limit_s=20)[0] == "died"
    assert "mutant_user" not in sys.modules  # each in a process of its own


def test_a_module_that_is_loaded_already_cannot_be_changed(folder: Path) -> None:
    __import__("mutant_sum")
    with pytest.raises(RuntimeError, match="mutant_sum is loaded"):
        fate("mutant_sum", folder / "mutant_sum.py", ast.parse(""), [], limit_s=20)


def test_a_mutant_may_take_five_times_as_long_and_three_seconds_at_least() -> None:
    assert limit_of(7.0) == 35
    assert limit_of(0.3) == 3
