"""The client of the HTTP API: upload, submit, follow, download.

    with Client("http://127.0.0.1:8000", key) as lathe:
        model = lathe.upload_model(Path("net.onnx"))
        job = lathe.wait(lathe.submit({"model": model.id, "pipeline": [...]}).id)
        lathe.download(lathe.artifacts(job.id)[0], Path("out"))

`AsyncClient` has the same methods to `await`. What a call asks and how it reads the answers is
written once, in `lathe.client.calls`; the two clients only carry it out.

What is raised (`lathe.errors` has the whole tree):

    LatheError
    ├── UserError             mend the call
    │   ├── InvalidRequest    of the service: InvalidSpec, Missing, Unauthenticated, ...
    │   └── UnsupportedModel  of the service: NotAModel, CorruptModel, ...
    ├── ServiceError          try later
    │   ├── Unreachable       nobody answered, or the connection was cut
    │   ├── RateLimited
    │   ├── Unavailable, Internal, ResourceExhausted, RunTimeout
    └── Timeout               of a `wait` or of one silent answer; also a TimeoutError

A call that may be sent twice without harm is sent again by itself: after a cut, a silence, and
the statuses 429, 502, 503 and 504, with pauses that double, or as long as `Retry-After` says.
Where nothing has ever answered, nothing is repeated: the address is probably wrong.
"""

from lathe.client.asynchronous import AsyncClient
from lathe.client.blocking import Client
from lathe.errors import (
    LatheError,
    RateLimited,
    ServiceError,
    Timeout,
    Unreachable,
    UserError,
)

__all__ = [
    "AsyncClient",
    "Client",
    "LatheError",
    "RateLimited",
    "ServiceError",
    "Timeout",
    "Unreachable",
    "UserError",
]
