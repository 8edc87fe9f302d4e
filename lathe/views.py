"""What the HTTP API answers with."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field

from lathe.errors import ErrorClass, Failure
from lathe.events import DeliveryState, EventName
from lathe.facts import Capabilities, DatasetFacts, Finding, IoSpec, ModelStats
from lathe.job import JobSpec
from lathe.report import Measurement, Verdict
from lathe.spec import Fact
from lathe.states import JobKind, JobState, Queue, StepState, TransferState, UploadState
from lathe.summary import DatasetSummary

Item = TypeVar("Item")
MANIFEST = "manifest.dsse.json"
BILL = "bom.cdx.json"
MadeKind = Literal["onnx", "packed", "report.json", "report.html", "tensorboard"]
ArtifactKind = Literal[
    "onnx", "packed", "report.json", "report.html", "tensorboard", "bom", "manifest"
]
ARTIFACT_KINDS: dict[ArtifactKind, str] = {
    "onnx": "The compressed model: names, types and axes of its inputs and outputs are those "
    "of the upload. The first is the file that was measured; where it is over 2 GB, a tar with "
    "its data file.",
    "packed": "The same, entropy-coded; `lathe unpack` gives the ONNX file back bit for bit.",
    "report.json": "The measured proof: verdict, baseline against candidates, layers, seeds.",
    "report.html": "The same as one page with plots, which needs no other file.",
    "tensorboard": "The same as one event file of TensorBoard, where `outputs` asks for it.",
    "bom": "The model, what it was made of and with which libraries, as a CycloneDX ML-BOM.",
    "manifest": "The sha256 of all the others, what they were made of and how, signed by the "
    "service: [lathe verify](../how-to/verify-an-artifact.md) checks it.",
}


class View(Fact):
    """An answer of the API."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)


class Page(View, Generic[Item]):
    """One page of a list, newest first. Pass `next_cursor` as `cursor` to go on."""

    items: list[Item]
    next_cursor: str | None = None


class FieldProblem(View):
    """One field that is wrong, where it stands and what would be right."""

    param: str
    detail: str


class Problem(View):
    """RFC 9457 problem details with Lathe's extensions."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", serialize_by_alias=True, validate_by_name=True
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    error_class: ErrorClass = Field(alias="class")
    retryable: bool
    param: str | None = None
    errors: list[FieldProblem] = Field(default_factory=list)
    request_id: str | None = None


class ModelView(View):
    """An uploaded or produced network."""

    id: str
    name: str | None
    state: UploadState
    size_bytes: int | None = Field(description="Null while it is still to be fetched.")
    sha256: str | None = Field(description="Null while it is still to be fetched.")
    source: str | None = Field(
        None, description="Where it was fetched from, without the query of the address."
    )
    format: str | None = None
    io: IoSpec | None = None
    stats: ModelStats | None = None
    capabilities: Capabilities | None = None
    findings: list[Finding] = Field(default_factory=list)
    failure: Failure | None = None
    inspection_job: str | None = None
    created_at: datetime


class DatasetView(View):
    """An uploaded data set."""

    id: str
    name: str | None
    state: UploadState
    size_bytes: int | None = Field(description="Null while it is still to be fetched.")
    sha256: str | None = Field(description="Null while it is still to be fetched.")
    source: str | None = Field(
        None, description="Where it was fetched from, without the query of the address."
    )
    facts: DatasetFacts | None = None
    summary: DatasetSummary | None = Field(
        None, description="What it holds: shapes, classes, missing values, a few samples."
    )
    findings: list[Finding] = Field(default_factory=list)
    failure: Failure | None = None
    inspection_job: str | None = None
    created_at: datetime


class UploadView(View):
    """A resumable upload as it stands. Give its id to `POST /v1/models?upload=` or
    `/v1/datasets?upload=` once `offset_bytes` has reached `length_bytes`."""

    id: str
    filename: str | None
    state: TransferState
    length_bytes: int
    offset_bytes: int = Field(description="So many bytes are kept, whatever happens.")
    sha256: str | None = Field(description="As found, else as promised.")
    used_by: str | None = Field(description="The model or data set that was made of it.")
    created_at: datetime
    expires_at: datetime = Field(description="Put off by every request that brings bytes.")


class Progress(View):
    """How far the running step is. `eta_s` is an estimate for this step."""

    step: str | None = None
    fraction: float = Field(ge=0, le=1)
    current: float | None = None
    total: float | None = None
    unit: str | None = None
    eta_s: float | None = None
    message: str | None = None


class StepView(View):
    """One pipeline step of a job."""

    id: str
    technique: str
    state: StepState
    fraction: float = 0.0
    facts: dict[str, Any] = Field(default_factory=dict)


class JobView(View):
    """A job as it stands. `queued_s` and `running_s` are separate clocks; while one of them
    goes on, the ETag is weak and changes with everything else."""

    id: str
    kind: JobKind
    state: JobState
    display_state: str = Field(
        description="As state, but `cancelling` while a cancel is pending."
    )
    queue: Queue
    priority: int
    attempt: int
    waiting_for: str | None = Field(
        None, description="What stands in the way of a queued job, where something does."
    )
    name: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    spec: JobSpec | None = None
    progress: Progress | None = None
    steps: list[StepView] = Field(default_factory=list)
    verdict: Verdict | None = None
    failure: Failure | None = None
    retry_of: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    queued_s: float
    running_s: float


class EventView(View):
    """One entry of a job's feed; `seq` counts from 1 without gaps."""

    seq: int
    type: str
    at: datetime
    data: dict[str, Any] = Field(default_factory=dict)


class ArtifactView(View):
    """A file that a job made."""

    id: str
    job: str
    kind: ArtifactKind
    name: str
    candidate: str | None
    size_bytes: int
    sha256: str
    media_type: str
    created_at: datetime


class MeasurementView(View):
    """One stored number, findable across jobs."""

    job: str
    model: str
    role: Literal["baseline", "candidate"]
    candidate: str | None
    measurement: Measurement
    environment: dict[str, Any]
    created_at: datetime


class PlannedStep(View):
    """One step of a validated plan, with its id and every default filled in."""

    id: str
    technique: str
    phase: str
    spec: dict[str, Any]


class PlanView(View):
    """A dry run: what would happen, or every reason why it cannot."""

    valid: bool
    spec: JobSpec | None
    plan: list[PlannedStep] = Field(default_factory=list)
    queue: Queue | None = None
    problems: list[FieldProblem] = Field(default_factory=list)


class TechniqueView(View):
    """One technique of the catalogue, with the JSON Schema of its step."""

    technique: str
    phase: str
    summary: str
    needs: dict[str, bool]
    json_schema: dict[str, Any]


class RecipeView(View):
    """One named pipeline, with the JSON Schema of its options."""

    recipe: str
    summary: str
    json_schema: dict[str, Any]


class SandboxView(View):
    """The walls around the jobs of a worker. `missing` names those that its kernel does not
    give, or that are switched off; a `landlock_abi` of 0 is no landlock."""

    mode: str
    landlock_abi: int
    seccomp: bool
    missing: tuple[str, ...] = ()


class WorkerView(View):
    """A worker of this installation. It is `serving` when it was seen lately and has not begun
    to stop; `running` counts its jobs, of which it takes `slots` at once."""

    name: str
    serving: bool
    queues: list[Queue]
    device: str
    slots: int
    running: int
    memory_bytes: int
    release: str | None = None
    spec_oldest: int
    spec_newest: int
    seen_at: datetime
    stopped_at: datetime | None = None
    sandbox: SandboxView | None = Field(
        None, description="Null where a worker of an older release does not tell."
    )
    facts: dict[str, Any] = Field(default_factory=dict)


class ProjectView(View):
    """A tenant."""

    id: str
    name: str
    created_at: datetime


class KeyView(View):
    """An API key without its secret."""

    id: str
    project: str
    name: str
    scopes: list[Literal["read", "write", "admin"]]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = Field(None, description="To the hour.")
    replaced_by: str | None = Field(None, description="The key that a rotation made of it.")


class NewKeyView(KeyView):
    """A key just made: the only time its secret is shown."""

    key: str


class AuditView(View):
    """One write through the service, kept in its own transaction."""

    id: str
    at: datetime
    action: str = Field(description="What was done, such as `job.submit`.")
    target: str | None = Field(description="The id of what it was done to.")
    key: str | None = Field(
        description="By whose key; none where the service did it itself, or its operator on "
        "the database."
    )
    request_id: str | None = Field(description="As in the answer's X-Request-ID and the logs.")
    data: dict[str, Any] = Field(description="What else is to be known of it; no secrets.")


class SigningKeyView(View):
    """The public half of a key that manifests were signed with."""

    id: str = Field(description="SHA-256 of the key in DER; the `keyid` of manifests.")
    algorithm: Literal["ed25519"] = "ed25519"
    public_key: str = Field(description="PEM.")
    created_at: datetime
    last_used_at: datetime


class WebhookView(View):
    """An address that is told how jobs end, without its secret. A disabled one is told
    nothing."""

    id: str
    name: str | None
    url: str
    events: list[EventName]
    created_at: datetime
    former_secret_until: datetime | None = Field(
        None, description="Until then the secret before the last rotation signs, too."
    )
    disabled_at: datetime | None = None
    disabled_because: str | None = None


class NewWebhookView(WebhookView):
    """A webhook just made: the only time its secret is shown."""

    secret: str


class DeliveryView(View):
    """A message to a webhook and how its last try went. `dead` ones are not tried again."""

    id: str = Field(description="The message's: the header webhook-id of every try.")
    type: str
    job: str | None
    state: DeliveryState
    attempts: int
    body: str = Field(description="Exactly what is sent and signed.")
    created_at: datetime
    next_at: datetime | None = Field(None, description="When a pending one is tried next.")
    last_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    last_answer: str | None = Field(
        None, description="The beginning of what was answered; never of an internal address."
    )
