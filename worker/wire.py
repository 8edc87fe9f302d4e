"""What passes between a supervisor and its child: one task file in, JSON lines out.

    work/<job>-<attempt>/in/task.json    a Task, and the files it names
    work/<job>-<attempt>/out/            the files that the messages name
    pipe                                 one Message a line, child to supervisor

The child knows no database, store, secret or socket. Paths are relative to `in/` or `out/`
and are plain names or `folder/name`; the supervisor refuses any other.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, field_validator

from lathe.errors import Failure
from lathe.facts import DatasetFacts, IoSpec, ModelFacts, Transform
from lathe.job import JobSpec
from lathe.layout import Layout
from lathe.report import Report, StepReport
from lathe.spec import Fact
from lathe.views import MadeKind, Progress


class Limits(Fact):
    """What an upload may unfold to."""

    max_bytes: int = 8 << 30
    max_members: int = 4096
    max_ratio: int = 200  # unpacked bytes over packed bytes of one archive member


class InspectModel(Fact):
    """Turn `upload` into `canonical.onnx`, or say why not."""

    kind: Literal["inspect_model"] = "inspect_model"
    upload: str
    limits: Limits = Limits()


class InspectDataset(Fact):
    """Turn `upload` into `data.safetensors`, or say why not."""

    kind: Literal["inspect_dataset"] = "inspect_dataset"
    upload: str
    transforms: dict[str, Transform] = Field(default_factory=dict)
    layout: Layout = Layout()
    limits: Limits = Limits(  # as much as the API takes of a data set; a file a picture
        max_bytes=32 << 30, max_members=500_000
    )


class StagedModel(Fact):
    """A ready model in the folder: its canonical float ONNX, and how it was uploaded.

    `uploaded` is set where the upload is a single ONNX file: it is timed beside the
    canonical one, and the faster of both is the baseline. So is `uploaded_bytes`, and the
    smaller of both is what a result has to be smaller than: a float16 file is half of its
    canonical one.
    """

    canonical: str
    uploaded: str | None = None
    uploaded_bytes: int | None = None
    facts: ModelFacts


class StagedDataset(Fact):
    """A ready data set in the folder."""

    file: str
    facts: DatasetFacts


class StagedStep(Fact):
    """A step that the cache answered. Only the last one's checkpoint is in the folder."""

    report: StepReport
    checkpoint: str | None = None


class Compress(Fact):
    """Run the steps after `reused`, measure, write report and artifacts.

    `teachers`, a student among them, and `datasets` are keyed by id. `training` is how far an
    earlier attempt got with the step that comes next, if it trained; a training tells how far
    it is every `training_every_s`. `model` is the job's model, `baseline` what it is compared
    with (often the same). `every_checkpoint` lists the checkpoints of reused steps, by step id,
    where `benchmark.every_step` asks for them. `cut_short` is why no step may run any more:
    what `reused` came to is the best there is.
    """

    kind: Literal["compress"] = "compress"
    spec: JobSpec
    model: StagedModel
    baseline: StagedModel
    teachers: dict[str, StagedModel] = Field(default_factory=dict)
    datasets: dict[str, StagedDataset] = Field(default_factory=dict)
    reused: tuple[StagedStep, ...] = ()
    cut_short: Failure | None = None
    training: str | None = None
    training_every_s: float = 60.0
    device: str = "cpu"
    threads: int = Field(1, description="For training and evaluation; timing has its own.")


Task = Annotated[InspectModel | InspectDataset | Compress, Field(discriminator="kind")]
TASK: TypeAdapter[InspectModel | InspectDataset | Compress] = TypeAdapter(Task)


class Progressed(Fact):
    """Sent as often as the child likes; the supervisor thins them out."""

    kind: Literal["progressed"] = "progressed"
    progress: Progress


class Entered(Fact):
    """Behind the last step: the child enters a phase, each once."""

    kind: Literal["entered"] = "entered"
    phase: Literal["measure", "report"]


class StepStarted(Fact):
    """A step begins."""

    kind: Literal["step_started"] = "step_started"
    step: str


class StepFinished(Fact):
    """A step is done and its checkpoint lies complete in `out/`."""

    kind: Literal["step_finished"] = "step_finished"
    step: str
    checkpoint: str
    report: StepReport


class TrainingSaved(Fact):
    """How far a step's training is, complete in `out/`, in place of what was told before."""

    kind: Literal["training_saved"] = "training_saved"
    step: str
    file: str
    epoch: int


class Said(Fact):
    """A line for the job's log."""

    kind: Literal["said"] = "said"
    level: Literal["info", "warning", "error"] = "info"
    text: str


class ModelInspected(Fact):
    """The upload is a model; `canonical` lies in `out/`."""

    kind: Literal["model_inspected"] = "model_inspected"
    canonical: str
    facts: ModelFacts


class DatasetInspected(Fact):
    """The upload is a data set; `canonical` lies in `out/`."""

    kind: Literal["dataset_inspected"] = "dataset_inspected"
    canonical: str
    facts: DatasetFacts


class OutFile(Fact):
    """A finished artifact in `out/`. Its name and media type become headers of a download."""

    file: str
    kind: MadeKind
    name: str = Field(pattern=r"^[^\x00-\x1f\x7f/\\]{1,255}$")
    media_type: str = Field(pattern=r"^[a-z]+/[a-z0-9.+-]{1,100}$")
    candidate: str | None = None


class Compressed(Fact):
    """The job's result; that of a failed job, whose report says so, is the best so far."""

    kind: Literal["compressed"] = "compressed"
    report: Report
    io: IoSpec
    files: tuple[OutFile, ...] = Field(max_length=1000)

    @field_validator("files")
    @classmethod
    def _each_once(cls, files: tuple[OutFile, ...]) -> tuple[OutFile, ...]:
        """One file under many names would be stored as often."""
        if len({each.file for each in files}) < len(files):
            raise ValueError("a file is handed over twice")
        return files


class Refusal(Fact):
    """The task ends with a named failure, and nothing to hand over."""

    kind: Literal["refusal"] = "refusal"
    failure: Failure


Message = Annotated[
    Progressed
    | Entered
    | StepStarted
    | StepFinished
    | TrainingSaved
    | Said
    | ModelInspected
    | DatasetInspected
    | Compressed
    | Refusal,
    Field(discriminator="kind"),
]
MESSAGE: TypeAdapter[
    Progressed
    | Entered
    | StepStarted
    | StepFinished
    | TrainingSaved
    | Said
    | ModelInspected
    | DatasetInspected
    | Compressed
    | Refusal
] = TypeAdapter(Message)
Ending = ModelInspected | DatasetInspected | Compressed | Refusal
