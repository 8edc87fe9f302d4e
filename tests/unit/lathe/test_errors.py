"""The family of refusals as values that travel."""

import pytest

from lathe import errors
from lathe.errors import ErrorClass, Failure, Refused, family, named, told_code


def test_every_code_is_its_own_and_finds_its_class() -> None:
    codes = [error.code for error in family()]
    assert len(set(codes)) == len(codes)
    assert all(named(error.code) is error for error in family())
    with pytest.raises(KeyError):
        named("of a newer release")


def test_a_failure_comes_back_as_it_went() -> None:
    failure = errors.UnknownLayer("no layer 'fc'", param="pipeline.0.protect.1").failure()
    stored = failure.model_dump(mode="json")
    assert stored == {
        "code": "unknown_layer",
        "class": "invalid_request",
        "retryable": False,
        "detail": "no layer 'fc'",
        "param": "pipeline.0.protect.1",
        "step": None,
    }
    assert Failure.model_validate(stored | {"newer": 1}) == failure


@pytest.mark.parametrize(
    ("error", "status", "kind", "retryable"),
    [
        (errors.InvalidSpec, 422, ErrorClass.INVALID_REQUEST, False),
        (errors.Missing, 404, ErrorClass.INVALID_REQUEST, False),
        (errors.NotReady, 409, ErrorClass.INVALID_REQUEST, True),
        (errors.RangeNotSatisfiable, 416, ErrorClass.INVALID_REQUEST, False),
        (errors.CorruptModel, 422, ErrorClass.UNSUPPORTED_MODEL, False),
        (errors.OutOfDisk, 507, ErrorClass.RESOURCE_EXHAUSTED, True),
        (errors.RunTimeout, 504, ErrorClass.TIMEOUT, False),
        (errors.Unavailable, 503, ErrorClass.TRANSIENT, True),
        (errors.WorkerCrashed, 500, ErrorClass.INTERNAL, True),
    ],
)
def test_the_class_says_whose_fault_it_is_and_whether_to_retry(
    error: type[Refused], status: int, kind: ErrorClass, retryable: bool
) -> None:
    assert (error.status, error.error_class, error.retryable) == (status, kind, retryable)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for error in family():
        assert f"{error.__name__} " in drawn


def test_a_code_that_a_process_made_up_is_told_as_other() -> None:
    assert told_code("out_of_memory") == "out_of_memory"
    assert told_code("acme.secret.weight") == "other"
