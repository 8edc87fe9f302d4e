"""The job spec: which model, with what data, through which steps, into what limits."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from lathe.ids import DatasetId, ModelId, WebhookId
from lathe.limits import Constraint, Objective
from lathe.names import KeptName
from lathe.outputs import OnnxOutput, Output, PackedOutput, TensorboardOutput
from lathe.recipes import NamedRecipe, RecipeName, asked
from lathe.recipes.recipe import Given
from lathe.spec import Spec
from lathe.task import COST_METRICS, Task
from lathe.techniques import AnyStep, PipelineStep
from lathe.techniques.encode import EncodeEntropy
from lathe.techniques.lessons import asked_models, students
from lathe.techniques.prune import PruneWeights
from lathe.techniques.rate import ShareRateDistortion
from lathe.techniques.step import Phase
from lathe.techniques.train import BASELINE

LABEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
Label = Annotated[str, StringConstraints(pattern=LABEL_PATTERN)]
SplitName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Split(Spec):
    """Part of an uploaded data set. `samples` takes a seeded random subset."""

    dataset: DatasetId = Field(description="Its id.")
    split: SplitName = Field(description="The part of its arrays' names before the slash.")
    samples: int | None = Field(None, ge=1, description="How many examples; default all.")


class Data(Spec):
    """What each purpose reads. Evaluation is never used to choose anything."""

    train: Split | None = Field(None, description="What steps learn weights from.")
    calibration: Split | None = Field(
        None, description="What steps look at to choose ranges, codes and channels."
    )
    evaluation: Split | None = Field(None, description="What the task is judged on.")

    def splits(self) -> Iterator[tuple[str, Split]]:
        """The purposes that are set, with their splits."""
        for purpose in ("train", "calibration", "evaluation"):
            split: Split | None = getattr(self, purpose)
            if split is not None:
                yield purpose, split


class Benchmark(Spec):
    """How latency is timed: baseline and candidate interleaved, one thread by default."""

    batch_sizes: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        (1,), min_length=1, max_length=8, description="Each is timed."
    )
    runs: int = Field(100, ge=10, le=10_000, description="Timed runs of each file.")
    threads: int = Field(1, ge=1, le=256, description="Of onnxruntime.")
    every_step: bool = Field(
        False, description="Measure the state after every step, not only the last."
    )


class Resources(Spec):
    """Where and how long the job may run."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: that of a worker that serves; cuda waits for a GPU worker."
    )
    max_run_s: int = Field(
        7200, ge=1, le=7 * 86_400, description="Of running; waiting in a queue does not count."
    )
    priority: int = Field(
        5,
        ge=0,
        le=9,
        description="Higher runs first among the project's own jobs; projects take turns.",
    )


Steps = Annotated[tuple[PipelineStep, ...], Field(min_length=1, max_length=16)]


def _steps(pipeline: Any) -> Any:
    """As it is: a recipe has become its steps before any field is looked at."""
    return pipeline


Pipeline = Annotated[
    Steps, BeforeValidator(_steps, json_schema_input_type=Steps | RecipeName | NamedRecipe)
]


def _packs(validated: Mapping[str, Any]) -> bool:
    steps = validated.get("pipeline", ())  # absent where it was refused
    return bool(steps) and isinstance(steps[-1], EncodeEntropy)


def _objective(validated: dict[str, Any]) -> Objective:
    return Objective(minimize="size_bytes", of="packed" if _packs(validated) else "onnx")


def _outputs(validated: dict[str, Any]) -> tuple[Output, ...]:
    return (OnnxOutput(), PackedOutput()) if _packs(validated) else (OnnxOutput(),)


EXAMPLE: dict[str, Any] = {
    "name": "lenet5-edge",
    "labels": {"team": "camera"},
    "model": "mdl_01k3zk7ef4f2v9k6ahsrgq2w5x",
    "data": {
        "calibration": {
            "dataset": "dat_01k3zk8b1nf7tad4r4ey9x0yqm",
            "split": "train",
            "samples": 512,
        },
        "evaluation": {"dataset": "dat_01k3zk8b1nf7tad4r4ey9x0yqm", "split": "test"},
    },
    "task": {"kind": "classification"},
    "pipeline": "int8",
    "constraints": [{"metric": "accuracy", "max_drop": 0.005}],
    "objective": {"minimize": "latency_ms"},
}


def needs_train(step: AnyStep) -> bool:
    """Whether the step, as it is set, reads the train split."""
    return (
        step.needs.train
        or "loss" in step.looks_at
        or (isinstance(step, PruneWeights) and step.epochs > 0)
        or getattr(step, "recover", None) is not None
    )


class JobSpec(Spec):
    """One compression job. What needs no model is checked here; the rest at submit."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: KeptName | None = Field(None, description="For people.")
    labels: dict[Label, KeptName] = Field(
        default_factory=dict, max_length=32, description="For lists: `?label=team:camera`."
    )
    model: ModelId = Field(description="The one to compress.")
    baseline: ModelId | None = Field(
        None, description="Compare with this model; default `model`."
    )
    data: Data = Field(
        default_factory=Data, description="Default: none; some steps do without."
    )
    task: Task | None = Field(
        None, description="Default: no score is taken, and the verdict is of size and time."
    )
    pipeline: Pipeline = Field(
        description="The steps, or a recipe that stands for them, by its name or with its "
        "options; a job shows the steps."
    )
    constraints: tuple[Constraint, ...] = Field(
        (), max_length=16, description="What must hold; else the least violation is best."
    )
    objective: Objective = Field(
        default_factory=_objective, description="Default: the smallest file."
    )
    outputs: tuple[Output, ...] = Field(
        default_factory=_outputs,
        min_length=1,
        max_length=4,
        description="Default: onnx, and packed where the pipeline ends with encode.entropy.",
    )
    benchmark: Benchmark | None = Field(
        default_factory=Benchmark, description="How it is timed; null: not at all."
    )
    resources: Resources = Field(
        default_factory=Resources, description="Where, how long and how soon it may run."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Of everything that is random.")
    webhook: WebhookId | None = Field(
        None,
        exclude_if=lambda webhook: webhook is None,  # older workers do not know the key
        description="Who is told how the job ends: an address made with POST /v1/webhooks.",
    )

    @model_validator(mode="before")
    @classmethod
    def _recipe_as_steps(cls, body: Any) -> Any:
        return _expanded(body) if isinstance(body, Mapping) else body

    @model_validator(mode="after")
    def _steps_in_order_with_what_they_need(self) -> Self:
        seen: set[str] = set()
        phase = self.pipeline[0].phase
        for index, step in enumerate(self.pipeline):
            where = f"pipeline.{index}"
            if step.phase < phase:
                before = self.pipeline[index - 1].technique
                raise ValueError(
                    f"{where}: {step.technique} cannot follow {before}, {_FINAL[phase]}; move "
                    "it up"
                )
            phase = step.phase
            if self.step_id(index) in seen:
                raise ValueError(f"{where}: the id {self.step_id(index)!r} is used twice")
            seen.add(self.step_id(index))
            self._has_data(where, step)
            self._has_its_student(index, step)
        phases = [step.phase for step in self.pipeline]
        if phases.count(Phase.LOWER) > 1:
            raise ValueError(
                "pipeline: one quantize step at most; the first already lowered it"
            )
        if phases.count(Phase.ENCODE) > 1:
            raise ValueError("pipeline: one encode step at most; leave the other out")
        return self

    def _has_data(self, where: str, step: AnyStep) -> None:
        if needs_train(step) and self.data.train is None:
            raise ValueError(f"{where}: {step.technique} needs data.train")
        if step.needs.calibration and self.data.calibration is None:
            raise ValueError(f"{where}: {step.technique} needs data.calibration")
        if "inputs" in step.looks_at and not (self.data.calibration or self.data.train):
            raise ValueError(
                f"{where}: {step.technique} needs data.calibration or data.train to look at"
            )

    def _has_its_student(self, index: int, step: AnyStep) -> None:
        for field, model in students(step):
            where = f"pipeline.{index}.{field}"
            if index or field != "student":
                raise ValueError(
                    f"{where}: a student takes the model's place, and what earlier steps did "
                    "to that would be lost; distill it in the first step"
                )
            if model == self.model:
                raise ValueError(f"{where}: this is the job's model; leave it out to train it")
            taught_by_itself = model == self.baseline and BASELINE in asked_models(step)
            if taught_by_itself:
                raise ValueError(
                    f"{where}: this is the baseline, which is its own teacher then; name "
                    "other teachers"
                )

    @model_validator(mode="after")
    def _task_fits_the_rest(self) -> Self:
        if self.task is not None and self.data.evaluation is None:
            raise ValueError(
                "task: a task is judged on data.evaluation; give that, or task null"
            )
        known = (*COST_METRICS, *(self.task.all_measured if self.task else ()))
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

    @model_validator(mode="after")
    def _drops_are_of_one_score(self) -> Self:
        trains = self.data.train is not None
        for index, step in enumerate(self.pipeline):
            if not isinstance(step, ShareRateDistortion) or step.reference is None:
                continue
            if self.task is not None and self.task.also and step.trains(train=trains):
                raise ValueError(
                    f"pipeline.{index}.target.max_drop: training looks at one score for all "
                    "tasks, which is no metric of any; give target.max_bytes, or leave "
                    "task.also out"
                )
        return self

    @model_validator(mode="after")
    def _packed_where_it_is_asked_for(self) -> Self:
        packed = any(isinstance(output, PackedOutput) for output in self.outputs)
        if self.packing is None:
            limited = any(limit.of == "packed" for limit in self.constraints)
            if packed or limited or self.objective.of == "packed":
                where = "outputs" if packed else "constraints" if limited else "objective"
                raise ValueError(
                    f"{where}: a packed file is made by the step encode.entropy; put it at the "
                    "end of the pipeline"
                )
        elif not packed:
            raise ValueError(
                'outputs: encode.entropy makes a packed file; add {"kind": "packed"}, or leave '
                "outputs out"
            )
        return self

    @property
    def student(self) -> str | None:
        """The model that takes the place of `model` in the first step, if one does."""
        return next((model for _, model in students(self.pipeline[0])), None)

    @property
    def packing(self) -> EncodeEntropy | None:
        """The step that makes the packed file, if there is one."""
        last = self.pipeline[-1]
        return last if isinstance(last, EncodeEntropy) else None

    @property
    def onnx_outputs(self) -> tuple[OnnxOutput, ...]:
        """The ONNX files that are handed over, each once; the first is the measured one."""
        asked_for = (output for output in self.outputs if isinstance(output, OnnxOutput))
        return tuple(dict.fromkeys(asked_for)) or (OnnxOutput(),)

    @property
    def wants_events(self) -> bool:
        """Whether TensorBoard's event file is handed over."""
        return any(isinstance(output, TensorboardOutput) for output in self.outputs)

    def step_id(self, index: int) -> str:
        """The id of a step: its own, or position and technique as in `2-quantize_static`."""
        step = self.pipeline[index]
        return step.id or f"{index + 1}-{step.technique.replace('.', '_')}"


_FINAL = {
    Phase.LOWER: "which leaves no floats to change",
    Phase.ENCODE: "which hands over what is there",
}


class _Around(BaseModel):
    """What of a job a recipe looks at."""

    data: Data = Data()
    task: Task | None = None
    constraints: tuple[Constraint, ...] = ()


def _expanded(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """`body` with the steps and limits of the recipe that it names, if it names one."""
    pipeline = body.get("pipeline")
    if not isinstance(pipeline, str | Mapping):
        return body
    recipe = asked(pipeline)
    around, refused = _around(body)
    plan = recipe.plan(
        Given(
            train=around.data.train is not None,
            calibration=around.data.calibration is not None,
            task=around.task.kind if around.task else None,
            metric=around.task.measured[0] if around.task else None,
            limits=around.constraints,
        )
    )
    limits = (
        {} if "constraints" in refused else {"constraints": (*around.constraints, *plan.limits)}
    )
    return {**body, "pipeline": plan.steps, **limits}


def _around(body: Mapping[str, Any]) -> tuple[_Around, set[str]]:
    """What a recipe looks at, without the fields that are wrong, and the names of those: as
    they stay in the job, that says so beside all else that is wrong."""
    try:
        return _Around.model_validate(body), set()
    except ValidationError as error:
        refused = {str(each["loc"][0]) for each in error.errors()}
        right = {name: value for name, value in body.items() if name not in refused}
        return _Around.model_validate(right), refused
