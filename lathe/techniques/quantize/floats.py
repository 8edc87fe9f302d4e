"""Half precision."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.quantize.excluded import Excluded
from lathe.techniques.step import Phase, Step


class QuantizeFloat(Step):
    """Half-precision numbers; inputs and outputs keep their types.

    float16: weights and arithmetic. bfloat16: weights alone, widened to float32 when the file
    is opened, with float32's range and 8 significant bits.
    """

    phase: ClassVar[Phase] = Phase.LOWER

    technique: Literal["quantize.float"] = "quantize.float"
    dtype: Literal["float16", "bfloat16"] = Field(
        "float16", description="What numbers become, or weights alone; see above."
    )
    exclude: Excluded = ()
