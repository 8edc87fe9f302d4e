"""What is declared as one JSON type takes no other, in every spec that people can write."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from pydantic import AwareDatetime, TypeAdapter, ValidationError

import app.main  # noqa: F401 - its request bodies are specs, too
from lathe.job import Benchmark
from lathe.layout import PictureLayout
from lathe.spec import Spec

WRONG = {"int_type", "float_type", "bool_type", "literal_error"}
Schema = dict[str, Any]


def specs(root: type[Spec] = Spec) -> Iterator[type[Spec]]:
    for one in root.__subclasses__():
        if one.__module__.partition(".")[0] in {"app", "lathe"}:
            yield one
        yield from specs(one)


def wrongs(schema: Schema) -> Iterator[Any]:
    """Values that are right but for one number or flag in them, which is of another type."""
    plain = {schema.get("type")} | {
        "number" if isinstance(one, int) else "text"
        for one in (*schema.get("enum", ()), schema.get("const", ""))
    }
    if plain & {"integer", "number"}:
        yield from (True, False, "1")
    if "boolean" in plain:
        yield from (1, 0.0, "true")
    for each in schema.get("anyOf", ()):
        yield from wrongs(each)
    if isinstance(inner := schema.get("items"), dict):
        yield from ([wrong] for wrong in wrongs(inner))
    sides = schema.get("prefixItems", ())
    for at, side in enumerate(sides):
        for wrong in wrongs(side):
            yield [wrong if at == here else 1 for here in range(len(sides))]
    if isinstance(inner := schema.get("additionalProperties"), dict):
        yield from ({"x": wrong} for wrong in wrongs(inner))


def fields() -> Iterator[tuple[type[Spec], str, tuple[Any, ...]]]:
    for one in dict.fromkeys(specs()):
        for name, schema in one.model_json_schema()["properties"].items():
            if found := tuple(wrongs(schema)):
                yield one, name, found


def told(one: type[Spec], name: str, value: Any) -> set[str]:
    """The types of the errors at the field or in it."""
    try:
        one.model_validate({name: value})
    except ValidationError as error:
        return {str(each["type"]) for each in error.errors() if each["loc"][:1] == (name,)}
    return set()


FIELDS = [pytest.param(*each, id=f"{each[0].__name__}.{each[1]}") for each in fields()]


def test_the_fields_are_found() -> None:
    names = {str(each.id) for each in FIELDS}
    assert len(names) > 130
    assert {
        "Adam.betas",
        "AsIntegers.bits",
        "Benchmark.batch_sizes",
        "Constraint.max_drop",
        "GivenRank.rank",
        "Layout.header",
        "Layout.holdout",
        "PictureLayout.channels",
        "PictureLayout.size",
        "Rotation.grace_s",
        "Target.max_bytes",
        "Transform.mean",
    } <= names


@pytest.mark.parametrize(("one", "name", "found"), FIELDS)
def test_a_number_is_no_flag_and_no_text_and_a_flag_is_no_number(
    one: type[Spec], name: str, found: tuple[Any, ...]
) -> None:
    for value in found:
        assert told(one, name, value) & WRONG, f"{one.__name__}.{name} took {value!r}"


def test_an_integer_may_be_written_with_a_point_as_the_schema_has_it() -> None:
    made = Benchmark.model_validate({"batch_sizes": [8.0], "runs": 50.0, "every_step": True})
    assert (made.batch_sizes, made.runs, made.every_step) == ((8,), 50, True)
    assert Benchmark.model_validate_json('{"batch_sizes": [8.0]}').batch_sizes == (8,)
    assert told(Benchmark, "runs", 50.5) == {"int_from_float"}


def test_the_first_wrong_value_of_many_is_named_with_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        Benchmark.model_validate({"batch_sizes": [1, True], "threads": False})
    assert [each["loc"] for each in caught.value.errors()] == [("batch_sizes", 1), ("threads",)]
    with pytest.raises(ValidationError) as caught:
        PictureLayout.model_validate_json('{"size": [32, true]}')
    assert [each["loc"] for each in caught.value.errors()] == [("size", 1)]


def test_a_schema_that_is_asked_for_again_is_the_same() -> None:
    class Leaf(Spec):
        count: int

    asked = [str(TypeAdapter(list[Leaf]).core_schema) for _ in range(4)]
    looks = [each.count("function-before") for each in asked]
    assert looks == [1, 1, 1, 1]


def test_a_moment_is_no_number() -> None:
    class Ends(Spec):
        at: AwareDatetime

    assert Ends.model_validate({"at": "2030-01-01T00:00:00Z"}).at.year == 2030
    for value in chain((1_900_000_000, 1.9e9), (True,)):
        assert told(Ends, "at", value) == {"datetime_type"}
