"""What torch's exporter could not do, as a refusal of the upload."""

from collections.abc import Iterator
from contextlib import contextmanager

from lathe.errors import Refused, UnsupportedModel
from worker.engine.run.refusals import exhausted

SHOWN_ERROR = 300  # letters of what the library said


@contextmanager
def refusing_to_export(what: str, remedy: str) -> Iterator[None]:
    """Raise UnsupportedModel that says `what`, then what the library said, then the `remedy`.

    A refusal, a full memory and a full disk pass as they are.
    """
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        if exhausted(error) is not None:
            raise
        said = " ".join(str(error).split())[:SHOWN_ERROR]
        raise UnsupportedModel(f"{what} ({type(error).__name__}: {said}); {remedy}") from error
