"""Which mistakes are made, and where none is."""

import ast

from tests.mutants.modules import modules
from tests.mutants.mutations import mutations
from tests.mutants.record import Record


def made(source: str) -> list[str]:
    return [f"{mutant.was} -> {mutant.became}" for mutant in mutations(source)]


def test_a_comparison_moves_its_boundary_one_at_a_time() -> None:
    assert made("a < b <= c") == ["a < b <= c -> a <= b <= c", "a < b <= c -> a < b < c"]
    assert made("x in y and not z") == [
        "x in y and (not z) -> x in y or not z",
        "x in y -> x not in y",
        "not z -> z",
    ]


def test_arithmetic_and_signs_change() -> None:
    assert made("-a + b @ c") == ["-a + b @ c -> -a - b @ c", "-a -> a"]
    assert made("a ** b") == ["a ** b -> a * b"]


def test_numbers_change_but_no_text() -> None:
    assert made("f(2, 0.5, 0.0, True, 'two', None)") == [
        "2 -> 3",
        "0.5 -> 1.0",
        "0.0 -> 1.0",
        "True -> False",
    ]


def test_an_axis_becomes_another_that_is_there() -> None:
    assert made("x.sum(axis=1)") == ["1 -> 0"]
    assert made("x.sum(dim=0)") == ["0 -> 1"]
    assert made("x.sum(axis=-1)") == ["1 -> 0"]
    assert made("x.sum(axis=(0, 2))") == ["0 -> 1", "2 -> 0"]


def test_what_is_raised_annotated_or_said_is_left_alone() -> None:
    source = '''
@decorated(1)
def f(x: NDArray[1], y: Literal[2] = z) -> Annotated[int, 3]:
    """4"""
    raise Refused(f"{5}")
'''
    assert made(source) == []
    assert made("zip(a, b, strict=True)") == []


def test_constants_that_tune_are_left_out_by_name() -> None:
    found = mutations("ROOM = 1 << 4\nHALF: float = 0.5\nROOMS = 7", {"ROOM", "HALF"})
    assert [mutant.was for mutant in found] == ["7"]


def test_a_mutant_is_the_whole_file_with_one_change_and_the_original_stays() -> None:
    source = "a = 1\nb = a - 2"
    trees = [ast.unparse(mutant.tree) for mutant in mutations(source)]
    assert trees == ["a = 2\nb = a - 2", "a = 1\nb = a + 2", "a = 1\nb = a - 3"]
    assert [mutant.key for mutant in mutations("f(1, 1)")] == [
        "1.0  1  ->  2",
        "1.1  1  ->  2",
    ]


def test_every_module_that_is_named_is_there_with_its_tests() -> None:
    assert len({module.source for module in modules()}) == len(modules()) > 40


def test_a_mutant_that_never_ends_counts_as_noticed() -> None:
    module = modules()[0]
    fates = {"1.0": "died", "2.0": "out of time", "3.0": "survived", "4.0": "died"}
    record = Record.of(module, "1b", fates, at="today")  # type: ignore[arg-type]
    assert (record.mutants, record.died, record.killed) == (4, 3, 0.75)
    assert record.survivors == ("3.0",)
