from lathe.errors import ErrorClass, Failure, OutOfMemory
from worker.vetted import vetted


def test_a_known_failure_stays_as_it_is() -> None:
    failure = OutOfMemory("too large").failure().model_copy(update={"step": 3})
    assert vetted(failure) == failure


def test_a_child_does_not_say_whose_fault_it_is_nor_whether_to_retry() -> None:
    forged = Failure(
        code="not_a_model", error_class=ErrorClass.TRANSIENT, retryable=True, detail="d"
    )
    real = vetted(forged)
    assert (real.error_class, real.retryable) == (ErrorClass.UNSUPPORTED_MODEL, False)


def test_a_code_that_nobody_has_is_internal_and_becomes_no_label() -> None:
    forged = Failure(
        code="x" * 5000, error_class=ErrorClass.TRANSIENT, retryable=True, detail="d"
    )
    real = vetted(forged)
    assert (real.code, real.retryable) == ("internal", False)
    assert len(real.detail) < 500


def test_texts_have_an_end() -> None:
    long = OutOfMemory("d" * 10_000, param="p" * 10_000).failure()
    real = vetted(long)
    assert (len(real.detail), len(real.param or "")) == (4000, 200)
