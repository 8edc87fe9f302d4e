"""Everything Lathe may answer instead of a result, as one tree.

What a caller of the client does about it decides the first fork:

    LatheError
    ├── UserError                mend the call: the spec, the file, the key
    │   └── InvalidRequest, UnsupportedModel and all below them
    ├── ServiceError             the service is at fault, or the way to it: try later
    │   ├── Unreachable          nobody answered, or the connection was cut
    │   └── RateLimited, ResourceExhausted, RunTimeout, Unavailable, Internal, and all below
    └── Timeout                  the caller's own patience ended; a TimeoutError, too

What the service itself says is a second tree across those; it carries a status and a code:

    Refused                      status  class
    ├── InvalidRequest           422     invalid_request      the caller can mend it
    │   ├── InvalidSpec          422
    │   │   ├── UnknownLayer     422
    │   │   ├── DataMismatch     422
    │   │   └── BudgetUnreachable 422
    │   ├── StepImpossible       422     the spec is valid, this model cannot take it
    │   ├── EffectLost           422     a step undid what an earlier step had done
    │   ├── TrainingDiverged     422
    │   ├── NotADataset          422
    │   ├── ReusedKey            422     Idempotency-Key with another body
    │   ├── AddressRefused       422     we do not connect to there
    │   ├── SourceUnusable       422     it was reached, and what it gave is not usable
    │   ├── Malformed            400
    │   ├── Unauthenticated      401
    │   ├── Forbidden            403
    │   ├── Missing              404
    │   ├── NotReady             409     retryable
    │   ├── Conflict             409
    │   ├── WrongProtocol        412
    │   ├── TooSlow              408     retryable
    │   ├── TooLarge             413
    │   ├── HeadTooLarge         431
    │   ├── WrongMediaType       415
    │   ├── RangeNotSatisfiable  416
    │   ├── Locked               423     retryable
    │   ├── QuotaReached         429
    │   │   ├── StorageQuotaReached 429
    │   │   ├── JobQuotaReached  429
    │   │   └── GpuQuotaReached  429
    │   └── Untrusted            422     not what was signed, or not by whom
    ├── UnsupportedModel         422     unsupported_model    the file is the obstacle
    │   ├── NotAModel            422
    │   ├── CorruptModel         422
    │   ├── CorruptPacked        422
    │   ├── UnknownPackedVersion 422
    │   ├── UnsupportedOperator  422
    │   ├── UnsafeArchive        422
    │   ├── UnsafeExternalData   422
    │   ├── NonFiniteWeights     422
    │   └── ModelTooLarge        422
    ├── ResourceExhausted        507     resource_exhausted
    │   ├── OutOfMemory          507
    │   ├── OutOfDisk            507
    │   ├── TooMuchWritten       507
    │   └── TooManyThreads       507
    ├── RunTimeout               504     timeout
    ├── RateLimited              429     transient            retryable
    │   └── TooManyStreams       429
    ├── Unavailable              503     transient            retryable
    ├── Unanswered               502     transient            retryable; another's server
    └── Internal                 500     internal             our fault
        └── WorkerCrashed        500

Anything else that is raised is a bug and surfaces as one.

The docstring of each class is what it means, an empty line, and what to do about it; with code,
class and status that is its entry in docs/reference/errors.md.
"""

from enum import StrEnum
from functools import cache
from typing import ClassVar

from pydantic import ConfigDict, Field

from lathe.spec import Fact


class ErrorClass(StrEnum):
    """Whose fault it is, and so whether a retry can help.

    `invalid_request` and `unsupported_model` are for the caller to mend: the same request, or
    the same file, always ends the same way. `resource_exhausted` and `timeout` want a smaller
    job or a larger limit. `transient` passes by itself; try again. `internal` is Lathe's fault.
    """

    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED_MODEL = "unsupported_model"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    TIMEOUT = "timeout"
    TRANSIENT = "transient"
    INTERNAL = "internal"


class Failure(Fact):
    """A refusal at rest: what a failed job, a rejected model or a problem body carries."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", serialize_by_alias=True, validate_by_name=True
    )

    code: str
    error_class: ErrorClass = Field(alias="class")
    retryable: bool
    detail: str
    param: str | None = None
    step: int | None = Field(
        None, description="Of a job: position, from 0, of the step that failed."
    )


class LatheError(Exception):
    """Everything that is raised on purpose. `detail` says what happened and what to do."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UserError(LatheError):
    """The caller can mend it: the request, the file, the key."""


class ServiceError(LatheError):
    """The service is at fault, or the way to it; the same call may work later."""


class Unreachable(ServiceError):
    """Nobody answered. `arrived` says whether the request may have reached the service all
    the same, `passing` whether asking again at once can help."""

    def __init__(self, detail: str, *, arrived: bool, passing: bool) -> None:
        super().__init__(detail)
        self.arrived = arrived
        self.passing = passing


class Timeout(LatheError, TimeoutError):
    """The caller's own patience ended; what the service does goes on."""


class Refused(LatheError):
    """The root of all refusals, what the service says; nothing is answered with it itself.

    `detail` says what to do; `param` names the field it is about.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"
    error_class: ClassVar[ErrorClass] = ErrorClass.INVALID_REQUEST
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, param: str | None = None) -> None:
        super().__init__(detail)
        self.param = param

    def failure(self) -> Failure:
        """This refusal as a value that can be stored and sent."""
        return Failure(
            code=self.code,
            error_class=self.error_class,
            retryable=self.retryable,
            detail=self.detail,
            param=self.param,
        )


class InvalidRequest(Refused, UserError):
    """Something in the request is wrong; `param` names the field.

    Change what the detail names and send it again; `errors` lists all that was found.
    """

    status, code, title = 422, "invalid_request", "The request is invalid"


class InvalidSpec(InvalidRequest):
    """The job spec does not hold together: a field, the order of steps, or data
    that a step needs and is not given.

    `POST /v1/jobs:validate` lists every problem at once without queueing anything.
    """

    code, title = "invalid_spec", "The job spec is invalid"


class UnknownLayer(InvalidSpec):
    """A step names a layer that the model does not have.

    Layer ids are the names of weights, listed in the model's `stats`; the detail offers the
    nearest ones.
    """

    code, title = "unknown_layer", "The model has no such layer"


class DataMismatch(InvalidSpec):
    """The data set lacks a split, field, label or number of examples that is asked for, or its
    arrays do not fit the model's inputs.

    Compare the data set's `facts` with the model's `io`; rename, reshape or transform the
    arrays and upload them again.
    """

    code, title = "data_mismatch", "The data set does not fit the model"


class BudgetUnreachable(InvalidSpec):
    """Nothing that the step may change reaches the size or the score that was asked for.

    Ask for less, or allow the step more: fewer bits, fewer protected layers, a larger drop.
    """

    code, title = "budget_unreachable", "No allowed change reaches the budget"


class StepImpossible(InvalidRequest):
    """The spec is valid, but this model has nothing that the step could be done to.

    The detail names what stands in the way and, where there is one, a technique that fits.
    """

    code, title = "step_impossible", "This model cannot take this step"


class EffectLost(InvalidRequest):
    """The changed model no longer computes what the step promised, or no longer has what an
    earlier step had done.

    Protect the layers that the detail names, or leave one of the two steps out.
    """

    code, title = "effect_lost", "A step undid what an earlier step had done"


class TrainingDiverged(InvalidRequest):
    """The loss or the held-out score was no longer a finite number, or all weights became zero.

    Lower the learning rate or the rate term, or look for missing and extreme values in the
    train split.
    """

    code, title = "training_diverged", "Training diverged"


class NotADataset(InvalidRequest):
    """The uploaded file is not a data set that can be read.

    The detail says what was found instead and what the file should be.
    """

    code, title = "not_a_dataset", "The file is not a data set"


class ReusedKey(InvalidRequest):
    """This Idempotency-Key came before with another body.

    Take a new key for a new job; the same key with the same body gives the same job.
    """

    code, title = "idempotency_key_reused", "The Idempotency-Key belongs to another request"


class AddressRefused(InvalidRequest):
    """A webhook or a source is at an address that the service does not connect to: not https,
    another port, with a password in it, or not on the public internet.

    Name a public https address on port 443 or 8443; for one of your own network an operator
    sets `LATHE_OUTBOUND_ALLOW`.
    """

    code, title = "address_refused", "The address is not one that may be connected to"


class SourceUnusable(InvalidRequest):
    """The source of an upload was reached, and what it gave is not usable: it refused, was
    empty or too large, or had another SHA-256 than was promised.

    Open the address yourself, correct it or its sha256, and name it again.
    """

    code, title = "source_unusable", "The source gave nothing usable"


class Malformed(InvalidRequest):
    """The request could not be read at all: no JSON, a bad header, cursor or digest.

    Mend the part that the detail names; the same request will always fail.
    """

    status, code, title = 400, "malformed", "The request could not be read"


class Unauthenticated(InvalidRequest):
    """There is no API key, or it is unknown, expired or revoked.

    Send `Authorization: Bearer lt_...` with a key that is valid.
    """

    status, code, title = 401, "unauthenticated", "A valid API key is needed"


class Forbidden(InvalidRequest):
    """The API key is valid and lacks the scope that this needs.

    Use a key that has it; an admin of the project makes one with `POST /v1/keys`.
    """

    status, code, title = 403, "forbidden", "The API key does not allow this"


class Missing(InvalidRequest):
    """There is nothing of that id or path in the project of this key.

    Check the id, and that the key belongs to the project that owns it.
    """

    status, code, title = 404, "not_found", "There is no such thing"


class NotReady(InvalidRequest):
    """What is asked for is still being made: an upload is inspected, a job has not ended.

    Send the same request again after `Retry-After`, or wait with `?wait=30`.
    """

    status, code, title, retryable = 409, "not_ready", "Still being prepared", True


class Conflict(InvalidRequest):
    """The state of what is named does not allow this, such as deleting what a job uses.

    The detail names what stands in the way; wait for its end, or cancel it.
    """

    status, code, title = 409, "conflict", "The state does not allow this"


class WrongProtocol(InvalidRequest):
    """A request for a resumable upload speaks another version of tus, or says none.

    Send `Tus-Resumable: 1.0.0`; clients of tus do.
    """

    status, code, title = 412, "wrong_protocol", "This version of the protocol is not spoken"


class TooLarge(InvalidRequest):
    """The body, or a file in it, is larger than this service accepts.

    Send less, or have the limit raised: `LATHE_MAX_MODEL_BYTES`, `LATHE_MAX_DATASET_BYTES`,
    `LATHE_MAX_JSON_BYTES`.
    """

    status, code, title = 413, "too_large", "The body is over the limit"


class TooSlow(InvalidRequest):
    """The request came more slowly than this service waits for: its headers, or its body.

    Send it again over a better line; a large file in pieces (`POST /v1/uploads`), which go on
    where they were cut. Limits: `LATHE_HEAD_TIMEOUT_S`, `LATHE_UPLOAD_IDLE_S`,
    `LATHE_SLOWEST_BYTES_PER_S`.
    """

    status, code, title, retryable = 408, "too_slow", "The request came too slowly", True


class HeadTooLarge(InvalidRequest):
    """The headers of the request are larger than this service reads.

    Send fewer or shorter headers, or have `LATHE_MAX_HEAD_BYTES` raised.
    """

    status, code, title = 431, "head_too_large", "The headers are over the limit"


class WrongMediaType(InvalidRequest):
    """Bytes of a resumable upload came under another media type than tus has for them.

    Send `Content-Type: application/offset+octet-stream`.
    """

    status, code, title = 415, "wrong_media_type", "The body is of another media type"


class RangeNotSatisfiable(InvalidRequest):
    """A download asks for bytes behind the end of the file.

    The file is whole already, or another one: compare its size and `ETag`.
    """

    status, code, title = 416, "range_not_satisfiable", "The range begins behind the end"


class Locked(InvalidRequest):
    """Another request is sending bytes of the same upload, or was cut a moment ago.

    Send again after `Retry-After`, from the offset that HEAD tells then.
    """

    status, code, title, retryable = 423, "locked", "Another request is at it", True


class QuotaReached(InvalidRequest):
    """The project has as many unfinished uploads as this service allows it.

    Finish one, end one with DELETE (`GET /v1/uploads` lists them), or have
    `LATHE_MAX_OPEN_UPLOADS` raised.
    """

    status, code, title = 429, "quota_reached", "The project has no more of these"


class StorageQuotaReached(QuotaReached):
    """The project stores as many bytes as it may, or would with this.

    Delete models, data sets or unfinished uploads (`GET /v1/usage` shows them by kind), or have
    an operator raise the project's quota.
    """

    code, title = "storage_quota_reached", "The project may store no more"


class JobQuotaReached(QuotaReached):
    """The project has as many unfinished jobs as it may; inspections of uploads are jobs, too.

    Wait until one has ended, cancel one, or have an operator raise the project's quota.
    """

    code, title = "job_quota_reached", "The project may have no more unfinished jobs"


class GpuQuotaReached(QuotaReached):
    """The project has used up its GPU minutes of this calendar month (UTC). A job that ran
    on a GPU then has ended, and hands over what its finished steps came to.

    Ask for `resources.device` cpu, wait for the next month, or have an operator raise the
    project's quota.
    """

    code, title = "gpu_quota_reached", "The GPU minutes are used up"


class Untrusted(InvalidRequest):
    """A file is not the one that the service signed, or the manifest is not the service's.

    Download both again and compare; if that does not help, do not use the file. After the
    service has changed its key, older manifests are checked with the older public key.
    """

    code, title = "untrusted", "The file cannot be trusted"


class UnsupportedModel(Refused, UserError):
    """The file is a model, but not one that can be worked with.

    Export it again as the detail says: every input and output a tensor of known rank.
    """

    status, code, title = 422, "unsupported_model", "The model cannot be used"
    error_class = ErrorClass.UNSUPPORTED_MODEL


class NotAModel(UnsupportedModel):
    """The uploaded file is none of the kinds of model that are read.

    Upload .onnx, .pt2, or a zip of a model folder; the detail says what was found.
    """

    code, title = "not_a_model", "The file is not a model"


class CorruptModel(UnsupportedModel):
    """The file begins as a model and is cut short or contradicts itself.

    Compare its size and sha256 with the original and upload it again, or export it again.
    """

    code, title = "corrupt_model", "The model is damaged"


class CorruptPacked(UnsupportedModel):
    """The packed file is damaged or was cut short.

    Download it again and compare its sha256 with the artifact's.
    """

    code, title = "corrupt_packed", "The packed file is damaged"


class UnknownPackedVersion(UnsupportedModel):
    """The packed file was made by a newer release.

    Update lathe where it is unpacked.
    """

    code, title = "unknown_packed_version", "The packed file is of an unknown version"


class UnsupportedOperator(UnsupportedModel):
    """onnxruntime cannot load an operator or an opset of the model.

    Export it with standard ONNX operators at the opsets that the detail names.
    """

    code, title = "unsupported_operator", "The runtime cannot load an operator"


class UnsafeArchive(UnsupportedModel):
    """The archive holds paths, links, sizes or ratios that no honest one has.

    Pack the model's own files only, as plain files with relative paths.
    """

    code, title = "unsafe_archive", "The archive is not safe to unpack"


class UnsafeExternalData(UnsupportedModel):
    """A tensor points to a file outside the upload, or to one that is not in it.

    Upload a zip of the .onnx file with its data files beside it, as the exporter wrote them.
    """

    code, title = "unsafe_external_data", "External data points outside the upload"


class NonFiniteWeights(UnsupportedModel):
    """A weight is NaN or infinite, so nothing can be measured against the model.

    Look at the tensor that the detail names, and train or export again.
    """

    code, title = "non_finite_weights", "A weight is NaN or infinite"


class ModelTooLarge(UnsupportedModel):
    """Unpacked, or with its functions unfolded, the model is over the limit.

    Export it without unrolled loops, or in parts.
    """

    code, title = "model_too_large", "The model is over the limit"


class ResourceExhausted(Refused, ServiceError):
    """The job reached a limit of the worker it ran on, such as the size of one file.

    Make the job smaller, or have the worker's limit raised.
    """

    status, code, title = 507, "resource_exhausted", "A resource ran out"
    error_class = ErrorClass.RESOURCE_EXHAUSTED


class OutOfMemory(ResourceExhausted):
    """The job needed more memory than a worker may give it.

    Use smaller batches or fewer samples, or a worker with more `LATHE_CHILD_MEMORY_BYTES`.
    """

    code, title = "out_of_memory", "The job ran out of memory"


class OutOfDisk(ResourceExhausted):
    """A disk of the service, or the worker's, is full.

    Free some space, then try again; nothing that was finished is lost.
    """

    code, title, retryable = "out_of_disk", "The disk is full", True


class TooMuchWritten(ResourceExhausted):
    """The job wrote more than a worker lets one job write: into one file, in all its files
    together, or into too many of them. The detail says which.

    Make the job smaller: fewer outputs, fewer steps, less data. Or have the worker's limit
    raised: `LATHE_CHILD_FILE_BYTES`, `LATHE_CHILD_FOLDER_BYTES`, `LATHE_CHILD_FILES`.
    """

    code, title = "too_much_written", "The job wrote more than it may"


class TooManyThreads(ResourceExhausted):
    """The job's process ran more threads at once than a worker lets one job have.

    No model needs so many: look at what the uploaded file does when it is opened. But each
    file that is timed has `benchmark.threads` for itself: ask for fewer. On a worker with very
    many cores an operator raises `LATHE_CHILD_THREADS`.
    """

    code, title = "too_many_threads", "The job ran too many threads"


class RunTimeout(Refused, ServiceError):
    """The job ran longer, or used more CPU time, than its `resources.max_run_s`.

    Submit it again with more time: steps that were finished are not done again.
    """

    status, code, title = 504, "run_timeout", "The job ran past its time limit"
    error_class = ErrorClass.TIMEOUT


class RateLimited(Refused, ServiceError):
    """More requests came than are taken in so short a time.

    Try again after `Retry-After`; wait with `?wait=30` instead of asking often.
    """

    status, code, title, retryable = 429, "rate_limited", "Too many requests", True
    error_class = ErrorClass.TRANSIENT

    def __init__(
        self, detail: str, *, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(detail, param=param)
        self.retry_after_s = retry_after_s


class TooManyStreams(RateLimited):
    """The project follows as many jobs at once as one process of the service lets it.

    Close the event streams that nobody reads, ask with `?wait=30` instead, or have
    `LATHE_MAX_STREAMS` raised.
    """

    code, title = "too_many_streams", "Too many open event streams"


class Unavailable(Refused, ServiceError):
    """The database, the object store or the service itself does not answer now.

    Try again after `Retry-After`; `/readyz` says which part is away.
    """

    status, code, title, retryable = 503, "unavailable", "A part of the service is down", True
    error_class = ErrorClass.TRANSIENT


class Unanswered(Refused, ServiceError):
    """Somebody else's server, that a webhook or a source names, does not answer.

    Look whether it runs and can be reached from outside, then retry.
    """

    status, code, title, retryable = 502, "unanswered", "The other side does not answer", True
    error_class = ErrorClass.TRANSIENT


class Internal(Refused, ServiceError):
    """A mistake of Lathe's own; trying again unchanged will not help.

    Report it with the `request_id`, or the job's id: the log has the details.
    """

    status, code, title = 500, "internal", "Lathe made a mistake"
    error_class = ErrorClass.INTERNAL


class WorkerCrashed(Internal):
    """The job's process died, or its worker went silent, more often than is tried again.

    Retry the job once: it resumes behind its finished steps. If it dies again, give it more
    memory, or report it.
    """

    code, title, retryable = "worker_crashed", "The job's process died", True


def family(root: type[Refused] = Refused) -> list[type[Refused]]:
    """Every error of the tree, the root first: the reference page is generated from it."""
    return [root, *(error for child in root.__subclasses__() for error in family(child))]


def named(code: str) -> type[Refused]:
    """The class that carries `code`; raises KeyError for a code this release does not know."""
    return {error.code: error for error in family()}[code]


def told_code(code: str) -> str:
    """A failure's code for metrics and traces, `other` where this release knows no such code:
    what a job's process says is not taken for a word of ours."""
    return code if code in _codes() else "other"


@cache
def _codes() -> frozenset[str]:
    return frozenset(error.code for error in family())
