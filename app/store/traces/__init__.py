"""Where a job's time goes, told to an OpenTelemetry collector if there is one.

One trace goes from the request that made a job through every attempt at it to the messages that
tell of its end. Its place is kept in the job's row as a W3C `traceparent`, so that any worker
can go on with it. What is told of a job are ids, kinds, codes and times: never a name that
somebody gave, a file's content, an address with its path or a secret.

Without LATHE_TRACES_URL nothing of the SDK is loaded and no span is made.
"""

from app.store.traces.carried import parent_of, traceparent_of
from app.store.traces.tracing import Tracing, tracing

__all__ = ["Tracing", "parent_of", "traceparent_of", "tracing"]
