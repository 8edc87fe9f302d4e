"""A model that already holds integers only grows when it is quantized again."""

import onnx

from lathe.errors import StepImpossible
from worker.engine.graph.operators import every_node

INTEGER = (
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "ConvInteger",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "MatMulNBits",
    "GatherBlockQuantized",
)


def require_float(model: onnx.ModelProto) -> None:
    """Raise StepImpossible where an operator shows that the model was quantized before."""
    found = sorted({node.op_type for node in every_node(model.graph)} & set(INTEGER))
    if found:
        raise StepImpossible(
            f"the model is quantized already (it has {', '.join(found)}); upload its float "
            "original"
        )
