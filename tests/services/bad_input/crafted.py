"""Models, archives, data sets and specs, good ones and bad ones, made byte by byte."""

import io
import tarfile
import zipfile
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MIB = 1 << 20
DYNAMIC = {"technique": "quantize.dynamic"}
WEIGHT = np.random.default_rng(7).standard_normal((16, 4), dtype=np.float32)


def net(operator: str = "Relu", *, weight: np.ndarray | None = None, **node: Any) -> bytes:
    """y = operator(x w), the second node as `node` has it."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
            helper.make_node(operator, ["h"], ["y"], **{"name": "last", **node}),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(WEIGHT if weight is None else weight, "w")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("my.ops", 1)]
    data: bytes = helper.make_model(
        graph, opset_imports=opsets, ir_version=10
    ).SerializeToString()
    return data


def listed() -> bytes:
    """y = x w, put into a sequence and taken out of it again."""
    model = onnx.ModelProto.FromString(net())
    del model.graph.node[-1]
    model.graph.node.extend(
        [
            helper.make_node("SequenceConstruct", ["h"], ["list"]),
            helper.make_node("SequenceAt", ["list", "first"], ["y"]),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(0), "first"))
    data: bytes = model.SerializeToString()
    return data


def beside(location: str) -> bytes:
    """The net with its weight said to lie in another file."""
    model = onnx.ModelProto.FromString(net())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    data: bytes = model.SerializeToString()
    return data


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(link: bytes, target: str) -> bytes:
    """A model, and its weight's file as a link of this type."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        content = beside("w.bin")
        member = tarfile.TarInfo("m.onnx")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
        member = tarfile.TarInfo("w.bin")
        member.type, member.linkname = link, target
        archive.addfile(member)
    return packed.getvalue()


def npz(*, without: str = "", **arrays: np.ndarray) -> bytes:
    """A split `t`; its arrays x and label are good ones where none are given."""
    good = {"x": np.ones((20, 16), np.float32), "label": np.arange(20) % 4}
    split = {name: array for name, array in (good | arrays).items() if name != without}
    packed = io.BytesIO()
    np.savez(packed, **{f"t/{name}": array for name, array in split.items()})
    return packed.getvalue()


def judged(model: str, dataset: str, split: str) -> dict[str, Any]:
    return {
        "model": model,
        "data": {"evaluation": {"dataset": dataset, "split": split}},
        "task": {"kind": "classification"},
        "pipeline": [DYNAMIC],
        "benchmark": None,
    }
