"""8-bit integers, by the better of the two ways that the job's data allow."""

from typing import Literal

from lathe.recipes.recipe import Given, Plan, Recipe
from lathe.techniques.quantize import QuantizeDynamic, QuantizeStatic


class Int8(Recipe):
    """quantize.static where there are calibration data, else quantize.dynamic."""

    recipe: Literal["int8"] = "int8"

    def plan(self, given: Given) -> Plan:
        """One step."""
        step = QuantizeStatic() if given.calibration else QuantizeDynamic()
        return Plan((step,))
