"""What is judged: the kinds of tasks, their metrics, and how a job names them."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lathe.limits import bare, of_task
from lathe.spec import Spec

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


def is_lower_better(metric: str) -> bool:
    """Whether a smaller value is better, whichever task `metric` is of."""
    return bare(metric) in LOWER_IS_BETTER


COST_METRICS = ("size_bytes", "latency_ms", "parameters", "macs", "peak_memory_bytes")


class OneTask(Spec):
    """How one output is judged."""

    kind: TaskKind = Field(description="What the answer is; its metrics are listed below.")
    metrics: tuple[str, ...] = Field((), description="Default: every metric of the task.")
    output: str | None = None

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


class FurtherTask(OneTask):
    """One more answer of the same network, with labels `<split>/label/<output>` of its own.

    Its metrics are called `<name>.<metric>` in constraints, objective and report.
    """

    kind: Literal["classification", "regression", "reconstruction"] = Field(
        description="What this answer is."
    )
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = Field(
        description="What its metrics begin with."
    )
    output: str = Field(description="The model's output that holds it.")
    weight: float = Field(
        1.0, gt=0, le=1e6, description="Of its loss, where that of the first task weighs 1."
    )


class Task(OneTask):
    """How outputs are judged. `output` names the output that holds the answer."""

    output: str | None = Field(None, description="Default: the model's first output.")
    also: tuple[FurtherTask, ...] = Field(
        (),
        max_length=7,
        exclude_if=lambda also: not also,  # older workers do not know the key
        description="Further outputs that are judged, and trained jointly: the loss is that of "
        "this task plus each one's weight times its own. What is chosen by one score is chosen "
        "by this task's, but the best epoch, which is chosen by the weighted mean of all.",
    )

    @model_validator(mode="after")
    def _each_answer_once(self) -> Self:
        if self.also and self.kind in {"similarity", "none"}:
            raise ValueError(
                f"also: a task of the kind {self.kind} stands alone; put one with a loss first"
            )
        names: list[str | None] = [one.name for one in self.also]
        outputs = [self.output, *(one.output for one in self.also)]
        for what, given in (("name", names), ("output", outputs)):
            twice = next((one for one in given if given.count(one) > 1), None)
            if twice is not None:
                raise ValueError(f"also: the {what} {twice!r} is used twice")
        return self

    @property
    def first_of_each(self) -> tuple[str, ...]:
        """The primary metric of every task, as it is called."""
        return (self.measured[0], *(of_task(one.name, one.measured[0]) for one in self.also))

    @property
    def all_measured(self) -> tuple[str, ...]:
        """The metrics of every task, as they are called."""
        further = (of_task(one.name, metric) for one in self.also for metric in one.measured)
        return (*self.measured, *further)
