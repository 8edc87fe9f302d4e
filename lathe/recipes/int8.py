"""8-bit integers in the way that measures best, or floats where none is better."""

from typing import Literal

from pydantic import Field

from lathe.recipes.recipe import Given, Plan, Recipe
from lathe.recipes.target import MAX_DROP, ON_A_SCALE_OF_ONE
from lathe.techniques.quantize import QuantizeChoose
from lathe.techniques.step import LayerId


class Int8(Recipe):
    """quantize.choose, losing at most what the job allows its first metric to lose."""

    recipe: Literal["int8"] = "int8"
    objective: Literal["latency", "size"] = Field(
        "latency", description="As in quantize.choose."
    )
    max_drop: float | None = Field(
        None,
        ge=0,
        le=1,
        description="As in quantize.choose; default: the job's own limit, else 0.005.",
    )
    batch_size: int = Field(1, ge=1, le=4096, description="As in quantize.choose.")
    exclude: tuple[LayerId, ...] = Field((), description="Layers that stay float, by layer id.")

    def plan(self, given: Given) -> Plan:
        """One step."""
        step = QuantizeChoose(
            objective=self.objective,
            max_drop=self._max_drop(given),
            batch_size=self.batch_size,
            exclude=self.exclude,
        )
        return Plan((step,))

    def _max_drop(self, given: Given) -> float:
        if self.max_drop is not None:
            return self.max_drop
        for limit in given.limits:
            judged = limit.metric == given.metric and limit.metric in ON_A_SCALE_OF_ONE
            if judged and limit.max_drop is not None:
                return min(limit.max_drop, 1.0)
        return MAX_DROP
