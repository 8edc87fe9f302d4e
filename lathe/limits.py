"""What a result has to keep, and what it is best at."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lathe.spec import Spec

OF_EACH_FILE = ("size_bytes",)  # what a packed file has a figure of its own for
FileKind = Literal["onnx", "packed"]


def bare(metric: str) -> str:
    """The metric without the task that it is of: `mse` of `angle.mse`."""
    return metric.rpartition(".")[2]


def of_task(name: str, metric: str) -> str:
    """What a further task's metric is called: `angle.mse`."""
    return f"{name}.{metric}"


def _is_onnx(of: FileKind) -> bool:
    return of == "onnx"


class Constraint(Spec):
    """A limit the result must keep: a metric's drop against the baseline, or its bounds."""

    metric: str = Field(description="One that the job measures.")
    of: FileKind = Field(
        "onnx",
        exclude_if=_is_onnx,
        description="The file that is meant; `packed` has a size_bytes of its own.",
    )
    max_drop: float | None = Field(None, ge=0, description="Baseline minus candidate, at most.")
    max: float | None = Field(None, description="The candidate's value, at most.")
    min: float | None = Field(None, description="The candidate's value, at least.")

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if sum(bound is not None for bound in (self.max_drop, self.max, self.min)) != 1:
            raise ValueError("give exactly one of max_drop, max and min")
        return self

    @model_validator(mode="after")
    def _of_a_file_that_has_it(self) -> Self:
        _check_of(self.metric, self.of)
        return self


class Objective(Spec):
    """What the best candidate is best at, once every constraint holds."""

    minimize: str | None = Field(None, description="The metric that is to be small.")
    maximize: str | None = Field(None, description="The metric that is to be large.")
    of: FileKind = Field(
        "onnx", exclude_if=_is_onnx, description="The file that is meant, as in a constraint."
    )

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if (self.minimize is None) == (self.maximize is None):
            raise ValueError("give exactly one of minimize and maximize")
        return self

    @model_validator(mode="after")
    def _of_a_file_that_has_it(self) -> Self:
        _check_of(self.metric, self.of)
        return self

    @property
    def metric(self) -> str:
        """The metric's name, whichever its direction."""
        return self.minimize or self.maximize or ""


def _check_of(metric: str, of: FileKind) -> None:
    if of != "onnx" and metric not in OF_EACH_FILE:
        raise ValueError(
            f"of: {metric} is measured on the onnx file alone; leave `of` out, or limit "
            f"{', '.join(OF_EACH_FILE)}"
        )
