"""A child's last words as far as they go into the database: a failure as one of those that
there are, a report whose rows have an end."""

from lathe.errors import Failure, Internal, named
from lathe.report import Report
from worker.lines import Garbled

_MOST_ROWS_BYTES = 64 << 20  # of all measurements, each with the environment
_MOST_VERDICT_BYTES = 64 << 10  # it is in the job's row, its feed and its webhook
_LONGEST = 4000  # characters of a sentence
_LONGEST_NAME = 200


def vetted(failure: Failure) -> Failure:
    """The same where its code is known: class and whether to retry are the code's own, texts
    have an end. Another code is nobody's: it would become a label of the metrics."""
    try:
        kind = named(failure.code)
    except KeyError:
        return Internal(
            f"The job's process ended with {failure.code[:_LONGEST_NAME]!r}, which is no "
            "failure of Lathe's. Look at what the uploaded file does when it is opened."
        ).failure()
    return failure.model_copy(
        update={
            "error_class": kind.error_class,
            "retryable": kind.retryable,
            "detail": failure.detail[:_LONGEST],
            "param": failure.param and failure.param[:_LONGEST_NAME],
        }
    )


def vetted_report(report: Report) -> Report:
    """The same with a vetted failure; raises Garbled where it is far beyond an honest one."""
    rows = [each for one in (report.baseline, *report.candidates) for each in one.measurements]
    environment_bytes = len(report.environment.model_dump_json())
    rows_bytes = sum(environment_bytes + len(row.model_dump_json()) for row in rows)
    if rows_bytes > _MOST_ROWS_BYTES:
        raise Garbled(f"measurements of {rows_bytes} bytes")
    if len(report.verdict.model_dump_json()) > _MOST_VERDICT_BYTES:
        raise Garbled("a verdict that is no sentence")
    if report.failure is None:
        return report
    return report.model_copy(update={"failure": vetted(report.failure)})
