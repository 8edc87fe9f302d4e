"""How many trained numbers a model holds."""

import math

import onnx

from worker.engine.graph.operators import every_node

FLOATS = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.BFLOAT16,
}
NOT_TRAINED = {  # operator -> inputs that hold statistics or number grids, not parameters
    "BatchNormalization": (3, 4),
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "Resize": (1, 2),
    "Clip": (1, 2),
    "Pad": (2,),
}
STORED_AS_INTEGERS = {
    "DequantizeLinear": (0,),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (3,),
    "ConvInteger": (1,),
    "MatMulInteger": (1,),
    "DynamicQuantizeLSTM": (1, 2),
}


def parameters(model: onnx.ModelProto) -> int:
    """Elements of float tensors of rank 1 and more, and of integer tensors read as weights.

    Running means and variances, scales and zero points are not parameters; a tensor that
    two layers share counts once.
    """
    apart, integers = set[str](), set[str]()
    for node in every_node(model.graph):
        apart.update(_inputs(node, NOT_TRAINED))
        integers.update(_inputs(node, STORED_AS_INTEGERS))
    return sum(
        math.prod(tensor.dims)
        for tensor in model.graph.initializer
        if tensor.name in integers
        or (tensor.data_type in FLOATS and tensor.dims and tensor.name not in apart)
    )


def _inputs(node: onnx.NodeProto, table: dict[str, tuple[int, ...]]) -> set[str]:
    return {node.input[k] for k in table.get(node.op_type, ()) if k < len(node.input)}
