"""The files a job hands over."""

from typing import Annotated, Literal

from pydantic import Field

from lathe.spec import Spec


class OnnxOutput(Spec):
    """The compressed model as one ONNX file. The first of these is the one that is measured;
    it is handed over even where only other files are asked for."""

    kind: Literal["onnx"] = "onnx"
    opset: int | None = Field(None, ge=13, le=25, description="Default: as canonical.")


class PackedOutput(Spec):
    """The first ONNX file, entropy-coded: `lathe unpack` gives it back bit for bit."""

    kind: Literal["packed"] = "packed"


class TensorboardOutput(Spec):
    """What the report measured as one event file for TensorBoard: training curves, every state
    from step to step, every layer, the runs that were timed."""

    kind: Literal["tensorboard"] = "tensorboard"


Output = Annotated[OnnxOutput | PackedOutput | TensorboardOutput, Field(discriminator="kind")]
