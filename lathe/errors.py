"""Everything Lathe may answer instead of a result, as one tree.

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
    │   ├── Malformed            400
    │   ├── Unauthenticated      401
    │   ├── Forbidden            403
    │   ├── Missing              404
    │   ├── NotReady             409     retryable
    │   ├── Conflict             409
    │   ├── TooLarge             413
    │   └── RangeNotSatisfiable  416
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
    │   └── OutOfDisk            507
    ├── RunTimeout               504     timeout
    ├── Unavailable              503     transient            retryable
    └── Internal                 500     internal             our fault
        └── WorkerCrashed        500

Anything else that is raised is a bug and surfaces as one.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, Field

from lathe.spec import Fact


class ErrorClass(StrEnum):
    """Whose fault it is, and so whether a retry can help."""

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


class Refused(Exception):  # noqa: N818 - an answer to a person, not always an error
    """The root. `detail` says what to do; `param` names the field it is about."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"
    error_class: ClassVar[ErrorClass] = ErrorClass.INVALID_REQUEST
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, param: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
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


class InvalidRequest(Refused):
    status, code, title = 422, "invalid_request", "The request is invalid"


class InvalidSpec(InvalidRequest):
    code, title = "invalid_spec", "The job spec is invalid"


class UnknownLayer(InvalidSpec):
    code, title = "unknown_layer", "The model has no such layer"


class DataMismatch(InvalidSpec):
    code, title = "data_mismatch", "The data set does not fit the model"


class BudgetUnreachable(InvalidSpec):
    code, title = "budget_unreachable", "No allowed change reaches the budget"


class StepImpossible(InvalidRequest):
    code, title = "step_impossible", "This model cannot take this step"


class EffectLost(InvalidRequest):
    code, title = "effect_lost", "A step undid what an earlier step had done"


class TrainingDiverged(InvalidRequest):
    code, title = "training_diverged", "Training diverged"


class NotADataset(InvalidRequest):
    code, title = "not_a_dataset", "The file is not a data set"


class ReusedKey(InvalidRequest):
    code, title = "idempotency_key_reused", "The Idempotency-Key belongs to another request"


class Malformed(InvalidRequest):
    status, code, title = 400, "malformed", "The request could not be read"


class Unauthenticated(InvalidRequest):
    status, code, title = 401, "unauthenticated", "A valid API key is needed"


class Forbidden(InvalidRequest):
    status, code, title = 403, "forbidden", "The API key does not allow this"


class Missing(InvalidRequest):
    status, code, title = 404, "not_found", "There is no such thing"


class NotReady(InvalidRequest):
    status, code, title, retryable = 409, "not_ready", "Still being prepared", True


class Conflict(InvalidRequest):
    status, code, title = 409, "conflict", "The state does not allow this"


class TooLarge(InvalidRequest):
    status, code, title = 413, "too_large", "The body is over the limit"


class RangeNotSatisfiable(InvalidRequest):
    status, code, title = 416, "range_not_satisfiable", "The range begins behind the end"


class UnsupportedModel(Refused):
    status, code, title = 422, "unsupported_model", "The model cannot be used"
    error_class = ErrorClass.UNSUPPORTED_MODEL


class NotAModel(UnsupportedModel):
    code, title = "not_a_model", "The file is not a model"


class CorruptModel(UnsupportedModel):
    code, title = "corrupt_model", "The model is damaged"


class CorruptPacked(UnsupportedModel):
    code, title = "corrupt_packed", "The packed file is damaged"


class UnknownPackedVersion(UnsupportedModel):
    code, title = "unknown_packed_version", "The packed file is of an unknown version"


class UnsupportedOperator(UnsupportedModel):
    code, title = "unsupported_operator", "The runtime cannot load an operator"


class UnsafeArchive(UnsupportedModel):
    code, title = "unsafe_archive", "The archive is not safe to unpack"


class UnsafeExternalData(UnsupportedModel):
    code, title = "unsafe_external_data", "External data points outside the upload"


class NonFiniteWeights(UnsupportedModel):
    code, title = "non_finite_weights", "A weight is NaN or infinite"


class ModelTooLarge(UnsupportedModel):
    code, title = "model_too_large", "The model is over the limit"


class ResourceExhausted(Refused):
    status, code, title = 507, "resource_exhausted", "A resource ran out"
    error_class = ErrorClass.RESOURCE_EXHAUSTED


class OutOfMemory(ResourceExhausted):
    code, title = "out_of_memory", "The job ran out of memory"


class OutOfDisk(ResourceExhausted):
    code, title, retryable = "out_of_disk", "The disk is full", True


class RunTimeout(Refused):
    status, code, title = 504, "run_timeout", "The job ran past its time limit"
    error_class = ErrorClass.TIMEOUT


class Unavailable(Refused):
    status, code, title, retryable = 503, "unavailable", "A part of the service is down", True
    error_class = ErrorClass.TRANSIENT


class Internal(Refused):
    status, code, title = 500, "internal", "Lathe made a mistake"
    error_class = ErrorClass.INTERNAL


class WorkerCrashed(Internal):
    code, title, retryable = "worker_crashed", "The job's process died", True


def family(root: type[Refused] = Refused) -> list[type[Refused]]:
    """Every error of the tree, the root first: the reference page is generated from it."""
    return [root, *(error for child in root.__subclasses__() for error in family(child))]


def named(code: str) -> type[Refused]:
    """The class that carries `code`; raises KeyError for a code this release does not know."""
    return {error.code: error for error in family()}[code]
