"""How far a recipe goes: as small as a drop allows, or as good as a size allows."""

from typing import Self

from pydantic import Field, model_validator

from lathe.limits import Constraint
from lathe.recipes.recipe import Given
from lathe.spec import Spec

MAX_DROP = 0.005  # half a point of an accuracy
ON_A_SCALE_OF_ONE = frozenset(
    {"accuracy", "f1_macro", "precision_macro", "recall_macro", "agreement"}
    | {"r2", "spearman", "pearson"}
)


class Target(Spec):
    """Exactly one of both."""

    max_drop: float | None = Field(
        None, ge=0, description="Of the task's first metric, baseline minus result, at most."
    )
    max_bytes: int | None = Field(None, ge=1, description="Of the packed file, at most.")

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.max_drop is None) == (self.max_bytes is None):
            raise ValueError("give exactly one of max_drop and max_bytes")
        return self

    def limit(self, given: Given) -> Constraint:
        """The target as a limit of the job; raises ValueError for a drop without a task."""
        if self.max_bytes is not None:
            return Constraint(metric="size_bytes", of="packed", max=self.max_bytes)
        if given.metric is None:
            raise ValueError(
                "pipeline.target.max_drop: a drop is judged on a task; give `task` and "
                "data.evaluation, or a target of max_bytes"
            )
        return Constraint(metric=given.metric, max_drop=self.max_drop)


def target_of(given: Given) -> Target | None:
    """The target that a job sets without saying so: by its own limits, else half a point of
    its metric; None without a task. Raises ValueError for a metric on a scale of its own."""
    for limit in given.limits:
        if limit.metric == given.metric and limit.max_drop is not None:
            return Target(max_drop=limit.max_drop)
        if (limit.metric, limit.of) == ("size_bytes", "packed") and limit.max is not None:
            return Target(max_bytes=max(1, int(limit.max)))
    if given.metric is None:
        return None
    if given.metric not in ON_A_SCALE_OF_ONE:
        raise ValueError(
            f"pipeline.target: {given.metric} has a scale that only you know; say how much of "
            "it may be lost with target.max_drop, or how large the file may be with "
            "target.max_bytes"
        )
    return Target(max_drop=MAX_DROP)
