"""A failure from a child that may be hostile, as one of the failures that there are."""

from lathe.errors import Failure, Internal, named

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
