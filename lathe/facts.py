"""What inspection finds out about an upload: the engine makes these, views show them."""

from typing import Literal

from pydantic import Field

from lathe.spec import Fact, Spec
from lathe.summary import DatasetSummary

Dim = int | str | None  # a size, the name of a symbolic axis, or unknown

DType = Literal[
    "float32", "float16", "float64", "bfloat16", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "bool", "string",
]  # fmt: skip

DataFormat = Literal["npz", "safetensors", "pictures", "csv", "parquet", "shards"]


class TensorSpec(Fact):
    """One input or output of a model, exactly as uploaded."""

    name: str
    dtype: DType
    shape: tuple[Dim, ...]


class IoSpec(Fact):
    """The model's doors. They are the same before and after compression."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class LayerSpec(Fact):
    """One layer with weights. `id` is its weight's name in the canonical ONNX."""

    id: str
    operator: str
    weight_shape: tuple[int, ...]
    parameters: int
    macs: int | None = Field(
        None, description="For one example; null where shapes are unknown."
    )


class ModelStats(Fact):
    """Sizes of the canonical float model; MACs for one example."""

    size_bytes: int
    parameters: int
    macs: int | None
    opset: int
    operators: dict[str, int]
    layers: tuple[LayerSpec, ...]


class Finding(Fact):
    """Something inspection noticed: why a model is rejected, or what limits its use."""

    code: str
    severity: Literal["info", "warning", "error"]
    message: str
    layer: str | None = None


class Capabilities(Fact):
    """What can be done with the model. Without a torch view only graph-side techniques run."""

    torch_view: bool
    blocking_operators: tuple[str, ...] = ()
    batch_axis: Literal["symbolic", "made_symbolic", "fixed"] = "symbolic"


class ModelFacts(Fact):
    """The result of a model's inspection."""

    format: Literal["onnx", "onnx-archive", "pt2", "hugging-face"]
    io: IoSpec
    stats: ModelStats
    capabilities: Capabilities
    tables: dict[str, int] = Field(
        default_factory=dict,
        description="Of inputs that look rows of a table up, as token ids do: its rows.",
    )
    findings: tuple[Finding, ...] = ()


class Transform(Spec):
    """How a stored array becomes a model input: layout, then (x * scale - mean) / std.

    `mean` and `std` hold one number, or one a channel. `layout` "nhwc" moves the last axis
    of a stored image to the channel axis of the model.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Literal["as_is", "nhwc"] = "as_is"


class FieldSpec(Fact):
    """One stored array of a split; `shape` leaves out the first axis, which is the examples."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    minimum: float | None = None
    maximum: float | None = None


class SplitFacts(Fact):
    """One split: how many examples and which arrays, named as after the `<split>/`."""

    name: str
    examples: int
    fields: tuple[FieldSpec, ...]

    def field(self, name: str) -> FieldSpec | None:
        """The array of that name, if the split has it."""
        return next((field for field in self.fields if field.name == name), None)


class DatasetFacts(Fact):
    """The result of a data set's inspection."""

    format: DataFormat
    splits: tuple[SplitFacts, ...]
    transforms: dict[str, Transform] = Field(default_factory=dict)
    classes: tuple[str, ...] = Field(
        (), description="Names of the classes 0, 1, ..., where the upload had names."
    )
    findings: tuple[Finding, ...] = ()
    summary: DatasetSummary | None = None

    def split(self, name: str) -> SplitFacts | None:
        """The split of that name, if the data set has it."""
        return next((split for split in self.splits if split.name == name), None)
