"""Random ONNX files: everything the format has, in every odd way, though rarely a sensible net.

Every file is made from one seed. Values range from dense weights and grids to NaN payloads and
negative zeros; names from plain ones to empty, long and foreign ones; there are subgraphs,
functions, sparse and string tensors, typed data, unknown fields, odd encodings and bare noise.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, helper

Rng = np.random.Generator
_OPERATORS = ("Conv", "Relu", "Gemm", "MatMul", "Add", "Mul", "LSTM", "Reshape", "MyOp", "If")
_ATTRIBUTES = (
    "axis",
    "alpha",
    "kernel_shape",
    "pads",
    "mode",
    "value",
    "custom",
    "then_branch",
)
_ODD_NAMES = (
    "",
    "ß/é:漢字",
    "a" * 300,
    "x\0y",
    "/model/layer.0/Add_output_0",
    "onnx::Conv_17",
    " ",
)
_TYPES = [number for name, number in TensorProto.DataType.items() if name != "UNDEFINED"]
_WIDTHS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64,
    14: 64, 15: 128, 16: 16, 21: 4, 22: 4, 23: 4, 25: 2, 26: 2,
}  # fmt: skip


def random_onnx(seed: int, most_nodes: int = 12) -> bytes:
    """The bytes of one random ONNX file of fewer than `most_nodes` nodes."""
    rng = np.random.default_rng(seed)
    if rng.random() < 0.03:
        return rng.bytes(int(rng.integers(0, 3000)))
    model = onnx.ModelProto(ir_version=int(rng.integers(3, 12)))
    model.producer_name = str(rng.choice(["pytorch", "skl2onnx", "me"]))
    if rng.random() < 0.3:
        model.doc_string = "d" * int(rng.integers(0, 6000))
    model.opset_import.add(domain="", version=int(rng.integers(1, 26)))
    if rng.random() < 0.3:
        model.metadata_props.add(key=_name(rng), value=_name(rng))
    model.graph.CopyFrom(_graph(rng, 0, most_nodes))
    for _ in range(int(rng.integers(0, 2))):
        model.functions.add(
            name=_name(rng),
            domain="f",
            input=["a", "b"],
            output=["c"],
            node=[_node(rng, ["a"], 1)],
        )
    data = model.SerializeToString(deterministic=bool(rng.random() < 0.9))
    return _odd(rng, data)


def _graph(rng: Rng, depth: int, most_nodes: int) -> onnx.GraphProto:
    graph = onnx.GraphProto(name=_name(rng))
    names = ["input"]
    graph.input.append(helper.make_tensor_value_info("input", 1, ["N", None, 3]))
    for _ in range(int(rng.integers(0, most_nodes))):
        graph.node.append(_node(rng, names, depth))
        names += graph.node[-1].output
    read = {name for node in graph.node for name in node.input}
    shared = _tensor(rng, "twin")
    for name in sorted(read - set(names)):
        tensor = graph.initializer.add()
        tensor.CopyFrom(shared if rng.random() < 0.1 else _tensor(rng, name))
        tensor.name = name
    if rng.random() < 0.2:
        sparse = graph.sparse_initializer.add(dims=[3, 4])
        sparse.values.CopyFrom(_tensor(rng, _name(rng)))
        sparse.indices.CopyFrom(_tensor(rng, ""))
    for name in names[1:]:
        if rng.random() < 0.3:
            graph.value_info.append(helper.make_tensor_value_info(name, 1, [1, "T"]))
    graph.output.append(helper.make_tensor_value_info(names[-1], 1, None))
    return graph


def _node(rng: Rng, names: list[str], depth: int) -> onnx.NodeProto:
    node = onnx.NodeProto(op_type=str(rng.choice(_OPERATORS)))
    node.input.append(str(rng.choice(names[-3:])))
    for _ in range(int(rng.integers(0, 3))):
        node.input.append(str(rng.choice(names)) if rng.random() < 0.3 else _name(rng))
    node.output.append(f"{node.op_type.lower()}_{rng.integers(0, 1000)}")
    node.name = f"node_{node.output[0]}" if rng.random() < 0.7 else _name(rng)
    for _ in range(int(rng.integers(0, 4))):
        node.attribute.append(_attribute(rng, depth))
    if rng.random() < 0.1:
        node.domain, node.doc_string = "com.microsoft", _name(rng)
    return node


def _attribute(rng: Rng, depth: int) -> onnx.AttributeProto:
    attribute = onnx.AttributeProto(name=str(rng.choice(_ATTRIBUTES)))
    match int(rng.integers(0, 8)):
        case 0:
            attribute.type, attribute.i = AttributeProto.INT, int(rng.integers(-(2**62), 2**62))
        case 1:
            attribute.type, attribute.f = AttributeProto.FLOAT, float(rng.standard_normal())
        case 2:
            attribute.type, attribute.s = AttributeProto.STRING, _name(rng).encode()
        case 3:
            attribute.type = AttributeProto.INTS
            attribute.ints.extend(int(i) for i in rng.integers(-2, 5, rng.integers(0, 6)))
        case 4:
            attribute.type = AttributeProto.FLOATS
            attribute.floats.extend(float(f) for f in rng.standard_normal(3))
        case 5:
            attribute.type = AttributeProto.TENSOR
            attribute.t.CopyFrom(_tensor(rng, _name(rng)))
        case 6 if depth < 3:
            attribute.type = AttributeProto.GRAPH
            attribute.g.CopyFrom(_graph(rng, depth + 1, 3))
        case _:
            attribute.type = AttributeProto.STRINGS
            attribute.strings.extend([b"NOTSET", rng.bytes(5)])
    return attribute


def _tensor(rng: Rng, name: str) -> onnx.TensorProto:
    data_type = int(rng.choice(_TYPES)) if rng.random() < 0.4 else TensorProto.FLOAT
    dims = [int(rng.choice([0, 1, 2, 3, 7, 16, 33])) for _ in range(int(rng.integers(0, 4)))]
    tensor = onnx.TensorProto(name=name, data_type=data_type, dims=dims)
    count = int(np.prod(dims, dtype=np.int64))
    if data_type == TensorProto.STRING:
        tensor.string_data.extend(rng.bytes(int(rng.integers(0, 9))) for _ in range(count))
    elif data_type == TensorProto.FLOAT and rng.random() < 0.2:
        tensor.float_data.extend(_floats(rng, tuple(dims)).ravel().tolist())
    elif data_type == TensorProto.INT64 and rng.random() < 0.3:
        tensor.int64_data.extend(rng.integers(-3, 900, count).tolist())
    elif data_type == TensorProto.FLOAT:
        tensor.raw_data = _floats(rng, tuple(dims)).tobytes()
    else:
        tensor.raw_data = _bits(rng, data_type, count)
    if rng.random() < 0.05:
        tensor.raw_data += b"more than the shape says"
    if rng.random() < 0.05:
        tensor.doc_string = "why"
    return tensor


def _floats(rng: Rng, dims: tuple[int, ...]) -> NDArray[np.float32]:  # noqa: PLR0911 - one a kind
    values = rng.standard_normal(dims).astype(np.float32)
    match int(rng.integers(0, 9)):
        case 0:
            return np.full(dims, np.float32(rng.choice([0.0, -0.0, 1.5])))
        case 1:  # sparse, one step
            step = np.float32(rng.choice([0.125, 0.15625, 0.1]))
            return np.array(np.rint(values * 0.7) * step, np.float32)
        case 2 if dims:  # a step for each row
            steps = (0.5 + rng.random((dims[0], *(1,) * (len(dims) - 1)))).astype(np.float32)
            return np.array(np.rint(values * 3) * steps, np.float32)
        case 3:  # a codebook
            return np.array(rng.standard_normal(5)[rng.integers(0, 5, dims)], np.float32)
        case 4:  # any bits: NaN payloads, infinities, subnormals
            return rng.integers(0, 2**32, dims, np.uint32).view(np.float32)
        case 5:  # masked: negative zeros
            return values * (rng.random(dims) < 0.2).astype(np.float32)
        case 6:
            return values * np.float32(1e-41)
    return values


def _bits(rng: Rng, data_type: int, count: int) -> bytes:
    size_bytes = -(-count * _WIDTHS.get(data_type, 8) // 8)
    if rng.random() < 0.5:
        return rng.bytes(size_bytes)
    return rng.integers(0, 4, size_bytes, np.uint8).tobytes()


def _name(rng: Rng) -> str:
    if rng.random() < 0.2:
        return str(rng.choice(_ODD_NAMES))
    part = str(rng.choice(["weight", "bias", "scale"]))
    return f"layer{rng.integers(0, 30)}.{part}"


def _odd(rng: Rng, data: bytes) -> bytes:
    """Sometimes: unknown fields, fields twice, long varints, a cut, a flipped bit."""
    match int(rng.integers(0, 14)):
        case 0:
            return data + b"\xfa\x07\x05hello" + b"\x98\x06\x07"  # fields 127 and 99
        case 1:
            return data + data[: int(rng.integers(0, len(data) + 1))]
        case 2:
            return b"\x08\x88\x80\x80\x00" + data  # ir_version 8 in four bytes
        case 3:
            return data[: int(rng.integers(0, len(data) + 1))]
        case 4 if data:
            place = int(rng.integers(0, len(data)))
            flipped = data[place] ^ 1 << int(rng.integers(0, 8))
            return data[:place] + bytes([flipped]) + data[place + 1 :]
    return data
