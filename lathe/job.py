"""The job spec: which model, with what data, through which steps, into what limits."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lathe.ids import DatasetId, ModelId
from lathe.spec import Spec
from lathe.techniques import AnyStep, PipelineStep
from lathe.techniques.step import Phase

LABEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
Label = Annotated[str, StringConstraints(pattern=LABEL_PATTERN)]
SplitName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

TaskKind = Literal["classification", "regression", "similarity", "reconstruction", "none"]
METRICS: dict[TaskKind, tuple[str, ...]] = {  # the first is the one that is reported first
    "classification": ("accuracy", "f1_macro", "precision_macro", "recall_macro", "agreement"),
    "regression": ("mse", "mae", "r2"),
    "similarity": ("spearman", "pearson"),
    "reconstruction": ("mse", "psnr_db"),
    "none": ("agreement", "sqnr_db"),
}
LOWER_IS_BETTER = frozenset(
    {"mse", "mae", "size_bytes", "latency_ms", "parameters", "macs", "peak_memory_bytes"}
)
COST_METRICS = ("size_bytes", "latency_ms", "parameters", "macs", "peak_memory_bytes")


class Split(Spec):
    """Part of an uploaded data set. `samples` takes a seeded random subset."""

    dataset: DatasetId
    split: SplitName
    samples: int | None = Field(None, ge=1)


class Data(Spec):
    """What each purpose reads. Evaluation is never used to choose anything."""

    train: Split | None = None
    calibration: Split | None = None
    evaluation: Split | None = None

    def splits(self) -> Iterator[tuple[str, Split]]:
        """The purposes that are set, with their splits."""
        for purpose in ("train", "calibration", "evaluation"):
            split: Split | None = getattr(self, purpose)
            if split is not None:
                yield purpose, split


class Task(Spec):
    """How outputs are judged. `output` names the output that holds the answer."""

    kind: TaskKind
    metrics: tuple[str, ...] = Field((), description="Default: every metric of the task.")
    output: str | None = Field(None, description="Default: the model's first output.")

    @model_validator(mode="after")
    def _known_metrics(self) -> Self:
        for metric in self.metrics:
            if metric not in METRICS[self.kind]:
                offered = ", ".join(METRICS[self.kind])
                raise ValueError(f"{self.kind} has no metric {metric!r}; it offers {offered}")
        return self

    @property
    def measured(self) -> tuple[str, ...]:
        """The metrics to compute, the primary one first."""
        return self.metrics or METRICS[self.kind]


class Constraint(Spec):
    """A limit the result must keep: a metric's drop against the baseline, or its bounds."""

    metric: str
    max_drop: float | None = Field(None, ge=0, description="Baseline minus candidate, at most.")
    max: float | None = None
    min: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if sum(bound is not None for bound in (self.max_drop, self.max, self.min)) != 1:
            raise ValueError("give exactly one of max_drop, max and min")
        return self


class Objective(Spec):
    """What the best candidate is best at, once every constraint holds."""

    minimize: str | None = None
    maximize: str | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if (self.minimize is None) == (self.maximize is None):
            raise ValueError("give exactly one of minimize and maximize")
        return self

    @property
    def metric(self) -> str:
        """The metric's name, whichever its direction."""
        return self.minimize or self.maximize or ""


class OnnxOutput(Spec):
    """The compressed model as one ONNX file."""

    kind: Literal["onnx"] = "onnx"
    opset: int | None = Field(None, ge=13, le=25, description="Default: as canonical.")


class Benchmark(Spec):
    """How latency is timed: baseline and candidate interleaved, one thread by default."""

    batch_sizes: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        (1,), min_length=1, max_length=8
    )
    runs: int = Field(100, ge=10, le=10_000, description="Timed runs of each file.")
    threads: int = Field(1, ge=1, le=256)
    every_step: bool = Field(
        False, description="Measure the state after every step, not only the last."
    )


class Resources(Spec):
    """Where and how long the job may run."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_run_s: int = Field(7200, ge=1, le=7 * 86_400)
    priority: int = Field(5, ge=0, le=9, description="Higher runs first.")


class JobSpec(Spec):
    """One compression job. What needs no model is checked here; the rest at submit."""

    name: str | None = Field(None, max_length=200)
    labels: dict[Label, Annotated[str, StringConstraints(max_length=200)]] = Field(
        default_factory=dict, max_length=32
    )
    model: ModelId
    baseline: ModelId | None = Field(
        None, description="Compare with this model; default `model`."
    )
    data: Data = Field(default_factory=Data)
    task: Task | None = None
    pipeline: tuple[PipelineStep, ...] = Field(min_length=1, max_length=16)
    constraints: tuple[Constraint, ...] = Field((), max_length=16)
    objective: Objective = Field(default_factory=lambda: Objective(minimize="size_bytes"))
    outputs: tuple[OnnxOutput, ...] = Field((OnnxOutput(),), min_length=1, max_length=4)
    benchmark: Benchmark | None = Field(default_factory=Benchmark)
    resources: Resources = Field(default_factory=Resources)
    seed: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _steps_in_order_with_what_they_need(self) -> Self:
        seen: set[str] = set()
        phase = self.pipeline[0].phase
        for index, step in enumerate(self.pipeline):
            where = f"pipeline.{index}"
            if step.phase < phase:
                raise ValueError(
                    f"{where}: {step.technique} changes floats and cannot follow a step that "
                    "lowers them; move it up"
                )
            phase = step.phase
            if self.step_id(index) in seen:
                raise ValueError(f"{where}: the id {self.step_id(index)!r} is used twice")
            seen.add(self.step_id(index))
            self._has_data(where, step)
        lowered = [step for step in self.pipeline if step.phase is Phase.LOWER]
        if len(lowered) > 1:
            raise ValueError(
                "pipeline: one quantize step at most; the first already lowered it"
            )
        return self

    def _has_data(self, where: str, step: AnyStep) -> None:
        needs_train = step.needs.train or getattr(step, "criterion", None) == "taylor"
        if needs_train and self.data.train is None:
            raise ValueError(f"{where}: {step.technique} needs data.train")
        if step.needs.calibration and self.data.calibration is None:
            raise ValueError(f"{where}: {step.technique} needs data.calibration")

    @model_validator(mode="after")
    def _task_fits_the_rest(self) -> Self:
        if self.task is not None and self.data.evaluation is None:
            raise ValueError(
                "task: a task is judged on data.evaluation; give that, or task null"
            )
        known = (*COST_METRICS, *(self.task.measured if self.task else ()))
        for index, constraint in enumerate(self.constraints):
            if constraint.metric not in known:
                raise ValueError(
                    f"constraints.{index}.metric: {constraint.metric!r} is not measured by "
                    f"this job; it measures {', '.join(known)}"
                )
        if self.objective.metric not in known:
            raise ValueError(
                f"objective: {self.objective.metric!r} is not measured by this job; "
                f"it measures {', '.join(known)}"
            )
        return self

    def step_id(self, index: int) -> str:
        """The id of a step: its own, or position and technique as in `2-quantize_static`."""
        step = self.pipeline[index]
        return step.id or f"{index + 1}-{step.technique.replace('.', '_')}"
