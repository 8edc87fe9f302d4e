"""Which weights are quantized, and what the runtime does with their integers.

Tried with onnxruntime 1.31 on a CPU, every combination opened and run:

    MatMulNBits            2, 4, 8 bits; blocks of 16, 32, 64, 128, 256; zero points or none;
                           a bias; inputs of any rank; the last block may be cut short
    GatherBlockQuantized   the same integers in bytes, if a row fills whole bytes; blocks of a
                           power of two from 16 on; negative indices
    DequantizeLinear       refused for a Conv in blocks (a 4-D weight wants a 4-D scale), not
                           folded when the model is opened: a small Conv ran 1.4 to 2 times as
                           long. The operators of `unpacking` are folded, and run as floats.

3 bits have no kernel: they are stored in codes of 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import onnx
from onnx import TensorProto

from lathe.errors import StepImpossible
from lathe.techniques.quantize import PerBlock, QuantizeWeights, WeightGranularity
from worker.engine.graph.initializers import initializers
from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.layerwise.site import MATRIX, Floats, Reader, Site, sites

Kernel = Literal["MatMulNBits", "GatherBlockQuantized", "none"]

SMALLEST_BLOCK, LARGEST_BLOCK = 16, 256
UNSCALED = {"alpha": 1.0, "beta": 1.0, "transA": 0}


@dataclass(frozen=True, slots=True)
class Layer:
    """One weight. `layer` is the id of the layer it belongs to; `kernel` reads its integers,
    with "none" they are widened to floats when the model is opened."""

    layer: str
    site: Site
    kernel: Kernel

    @property
    def name(self) -> str:
        """Of the tensor."""
        return self.site.name

    @property
    def rows(self) -> int:
        """Outputs of all groups."""
        return self.site.elements // self.columns

    @property
    def columns(self) -> int:
        """Weights that one output adds up."""
        shape = self.site.shape
        match self.site.form:
            case "columns":
                return shape[0]
            case "recurrent":
                return shape[2]
            case _:
                return self.site.elements // shape[0]

    def matrix(self, weight: Floats) -> Floats:
        """(rows, columns): the matrices of all groups one below the other."""
        return self.site.matrices(weight).reshape(-1, self.columns)

    def width(self, granularity: WeightGranularity, bits: int) -> int:
        """Columns that share a scale. Without a kernel blocks are made equally wide, so that
        few codes are padding, and fill whole bytes."""
        size = granularity.size if isinstance(granularity, PerBlock) else self.columns
        if self.kernel != "none":
            return min(size, power_of_two(self.columns))
        blocks = -(-self.columns // size)
        each = 8 // container(bits)
        return -(-self.columns // (blocks * each)) * each


def container(bits: int) -> int:
    """Bits that a code takes in the ONNX file."""
    return 4 if bits == 3 else bits  # noqa: PLR2004 - see the module's table


def power_of_two(columns: int) -> int:
    """The least block of a kernel that holds so many columns."""
    return max(SMALLEST_BLOCK, 1 << (columns - 1).bit_length())


def chosen_layers(model: onnx.ModelProto, spec: QuantizeWeights) -> list[Layer]:
    """Every float32 weight that is not protected, in graph order.

    Raises UnknownLayer for a protected layer that the model does not have, StepImpossible
    where no layer is left.
    """
    known = {site.name: site for site in sites(model)}
    constants = initializers(model)
    layers = [
        _layer(weight.layer, known.get(weight.name) or _plain(weight.tensor), constants)
        for weight in weight_tensors(model, spec.protect, embeddings=spec.embeddings)
        if weight.tensor.data_type == TensorProto.FLOAT
    ]
    if not layers:
        raise StepImpossible(
            "the model has no layer with float32 weights to quantize, or all are protected",
            param="protect",
        )
    return layers


def _layer(layer: str, site: Site, constants: Mapping[str, onnx.TensorProto]) -> Layer:
    kernel: Kernel = "none"
    if site.readers and all(_multiplies(reader, site, constants) for reader in site.readers):
        kernel = "MatMulNBits"
    elif site.readers and all(_looks_up(reader, site) for reader in site.readers):
        kernel = "GatherBlockQuantized"
    return Layer(layer, site, kernel)


def _plain(tensor: onnx.TensorProto) -> Site:
    """A weight that something else than layers reads as well."""
    return Site(tensor.name, tuple(tensor.dims), "plain", 1, ())


def _multiplies(reader: Reader, site: Site, constants: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether the node computes x W or x W' plus at most a bias."""
    node = reader.node
    if node.op_type == "MatMul":
        return reader.place == 1 and site.form == "columns"
    said = {a.name: a.f if a.type == onnx.AttributeProto.FLOAT else a.i for a in node.attribute}
    scaled = any(said.get(name, usual) != usual for name, usual in UNSCALED.items())
    if node.op_type != "Gemm" or site.form not in {"rows", "columns"} or scaled:
        return False
    return reader.place == 1 and node.input[0] not in constants


def _looks_up(reader: Reader, site: Site) -> bool:
    axes = [a.i for a in reader.node.attribute if a.name == "axis"]
    whole_bytes = site.shape[-1] % 4 == 0  # four codes of 2 bits
    first = reader.node.op_type == "Gather" and axes in ([], [0])
    return first and len(site.shape) == MATRIX and whole_bytes
