import pytest

from lathe.errors import ErrorClass, Failure, OutOfMemory
from lathe.job import JobSpec
from lathe.report import Candidate, Environment, Measurement, Report, Verdict
from lathe.techniques.optimize import OptimizeGraph
from worker.lines import Garbled
from worker.vetted import vetted, vetted_report

SIZE = Measurement(metric="size_bytes", value=64.0, unit="B")


def report(*, times: int = 1, cpu: str = "c", sentence: str = "ok") -> Report:
    measured = (SIZE,) * times
    return Report(
        spec=JobSpec(
            model="mdl_01k3aaaaaaaaaaaaaaaaaaaaaa", pipeline=(OptimizeGraph(id="clean"),)
        ),
        verdict=Verdict(best="a", constraints_met=None, realised="smaller", sentence=sentence),
        baseline=Candidate(id="b", file="b.onnx", sha256="0" * 64, measurements=(SIZE,)),
        candidates=(Candidate(id="a", file="a", sha256="1" * 64, measurements=measured),),
        steps=(),
        environment=Environment(
            lathe_version="0", libraries={}, cpu=cpu, cores=2, threads=1, device="cpu",
            platform="p", seed=0,
        ),
        failure=OutOfMemory("m" * 9000).failure(),
    )  # fmt: skip


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


def test_a_report_has_its_failure_vetted_and_stays_as_it_is() -> None:
    real = vetted_report(report())
    assert real.failure is not None
    assert len(real.failure.detail) == 4000
    assert real.model_copy(update={"failure": None}) == report().model_copy(
        update={"failure": None}
    )


@pytest.mark.parametrize(
    "made",
    [
        report(times=400_000),
        report(times=700, cpu="x" * 100_000),  # each row repeats it
        report(sentence="x" * 70_000),
    ],
    ids=["many rows", "large rows", "a long verdict"],
)
def test_a_report_that_would_fill_the_database_is_refused(made: Report) -> None:
    with pytest.raises(Garbled):
        vetted_report(made)
