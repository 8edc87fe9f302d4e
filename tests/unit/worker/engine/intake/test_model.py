"""Every way in which an upload can be bad, and what the good one becomes."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import (
    CorruptModel,
    ModelTooLarge,
    NonFiniteWeights,
    NotAModel,
    UnsupportedModel,
    UnsupportedOperator,
)
from lathe.facts import ModelFacts
from worker.engine.intake.model import inspect_model
from worker.wire import Limits


class Inspect(Protocol):
    def __call__(self, data: bytes, limits: Limits = ...) -> ModelFacts: ...


def _linear(**opsets: int) -> onnx.ModelProto:
    """Float "x" (n, 2) times "w" (2, 3) is "y"."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")],
    )
    imports = [helper.make_opsetid("", opsets.pop("standard", 18))]
    imports += [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return held.getvalue()


def test_facts_of_a_small_net_are_counted_by_hand(
    conv_net: onnx.ModelProto, inspect: Inspect, tmp_path: Path
) -> None:
    facts = inspect(conv_net.SerializeToString())
    assert facts.format == "onnx"
    assert facts.io.inputs[0].shape == (2, 3, 4, 4)  # as uploaded, the batch fixed
    assert facts.capabilities.batch_axis == "made_symbolic"
    assert facts.capabilities.torch_view
    assert facts.stats.opset == 18
    assert facts.stats.macs == 2 * 2 * 4 * 3 * 3 * 3 + 16 * 5
    assert facts.stats.parameters == 108 + 4 + 4 + 80 + 5
    assert [(layer.id, layer.parameters) for layer in facts.stats.layers] == [
        ("conv.weight", 108),
        ("fc.weight", 85),
    ]
    assert facts.stats.size_bytes == (tmp_path / "out" / "canonical.onnx").stat().st_size


def _pickled() -> bytes:
    return pickle.dumps({"w": [1.0]}, protocol=2)


def _safetensors() -> bytes:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return struct.pack("<Q", len(header)) + header + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (_pickled(), "Python pickle"),
        (_safetensors(), "safetensors: weights without a network"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
        (b"conv: 3x3\nrelu\n", "text"),
        (bytes(range(200, 256)), "no format that is known"),
        (b"\x1c\0\0\0TFL3" + bytes(64), "TensorFlow Lite"),
        (b"\xfd7zXZ\0" + bytes(64), "packed with xz"),
        (_zip({"net/data.pkl": b"x"}), "PyTorch checkpoint"),
        (_zip({"net/archive_format": b"pt2"}), "holds 0 programs"),
        (_zip({"net/model.safetensors": b"x"}), "without a config.json; add it"),
        (_zip({"net/config.json": b'{"model_type": "bert"}'}), "no weights; add model.safet"),
        (_zip({"train/x.npy": b"x"}), "data set"),
        (_zip({"readme.txt": b"x"}), "no .onnx file"),
        (_zip({"a.onnx": b"x", "b.onnx": b"x"}), "2 .onnx files"),
        (b"\x08\x0a", "no ONNX graph"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_model_is_named_with_what_to_do(
    data: bytes, said: str, inspect: Inspect
) -> None:
    with pytest.raises(NotAModel, match=said):
        inspect(data)


def test_a_model_cut_short_is_corrupt(inspect: Inspect) -> None:
    with pytest.raises(CorruptModel, match="cut short"):
        inspect(_linear().SerializeToString()[:-9])


def test_two_gigabytes_of_nothing_are_refused_before_they_are_read(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    with upload.open("wb") as file:  # sparse: takes no room on the disk
        file.write(b"\x08\x0a")
        file.truncate(1 << 31)
    with pytest.raises(CorruptModel, match="damaged"):
        inspect_model(upload, tmp_path / "canonical.onnx", Limits())


@pytest.mark.parametrize("name", ["w", "x", "n"])
def test_a_name_with_a_nul_character_is_refused(name: str, inspect: Inspect) -> None:
    model = _linear()
    node = model.graph.node[0]
    node.name = "n"
    for holder in (node, model.graph.initializer[0], model.graph.input[0]):
        holder.name = holder.name.replace(name, f"{name}\0")
    node.input[:] = [each.replace(name, f"{name}\0") for each in node.input]
    with pytest.raises(CorruptModel, match="NUL character"):
        inspect(model.SerializeToString())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_refused_by_name(value: float, inspect: Inspect) -> None:
    model = _linear()
    weight = np.ones((2, 3), np.float32)
    weight[1, 2] = value
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    with pytest.raises(NonFiniteWeights, match="the tensor 'w' holds 1"):
        inspect(model.SerializeToString())


def test_an_attention_mask_of_minus_infinity_is_no_weight(inspect: Inspect) -> None:
    model = _linear()
    mask = np.array([0, -np.inf, 0], np.float32)
    model.graph.initializer.append(numpy_helper.from_array(mask, "mask"))
    model.graph.node[0].output[0] = "p"
    model.graph.node.append(helper.make_node("Add", ["p", "mask"], ["y"]))
    assert inspect(model.SerializeToString()).findings == ()


@pytest.mark.parametrize(
    ("operator", "domain", "imported"),
    [("Foo", "", {}), ("Foo", "my.domain", {"my.domain": 1}), ("Nope", "com.microsoft", {})],
)
def test_an_operator_that_the_runtime_lacks_is_named_with_domain_and_node(
    operator: str, domain: str, imported: dict[str, int], inspect: Inspect
) -> None:
    model = _linear(**imported, **({domain: 1} if domain == "com.microsoft" else {}))
    model.graph.node[0].output[0] = "p"
    model.graph.node.append(helper.make_node(operator, ["p"], ["y"], name="odd", domain=domain))
    expected = f"'{operator}' of the domain '{domain or 'ai.onnx'}' \\(node 'odd'\\)"
    with pytest.raises(UnsupportedOperator, match=expected):
        inspect(model.SerializeToString())


def test_an_opset_of_the_future_is_refused_with_its_number(inspect: Inspect) -> None:
    with pytest.raises(UnsupportedOperator, match=r"ai\.onnx 27"):
        inspect(_linear(standard=27).SerializeToString())


def test_an_opset_that_cannot_be_is_refused_with_its_number(inspect: Inspect) -> None:
    with pytest.raises(CorruptModel, match=r"opset 1099511627776 of 'ai\.onnx'"):
        inspect(_linear(standard=1 << 40).SerializeToString())


def test_a_cyclic_graph_is_corrupt(inspect: Inspect) -> None:
    model = _linear()
    model.graph.node.insert(0, helper.make_node("Neg", ["y"], ["z"]))
    model.graph.node[1].input[0] = "z"
    with pytest.raises(CorruptModel, match="not valid"):
        inspect(model.SerializeToString())


@pytest.mark.parametrize("dims", [[2, 4], [1 << 40, 1 << 40], [-2, -3]])
def test_a_tensor_that_declares_more_than_it_holds_is_corrupt(
    dims: list[int], inspect: Inspect
) -> None:
    model = _linear()
    model.graph.initializer[0].dims[:] = dims
    with pytest.raises(CorruptModel, match="the tensor 'w' declares"):
        inspect(model.SerializeToString())


def test_a_tensor_in_segments_is_corrupt(inspect: Inspect) -> None:
    model = _linear()
    model.graph.initializer[0].segment.end = 3
    with pytest.raises(CorruptModel, match="'w' is one segment of several"):
        inspect(model.SerializeToString())


@pytest.mark.parametrize(("side", "said"), [("input", "no inputs"), ("output", "no outputs")])
def test_a_graph_without_doors_is_refused(side: str, said: str, inspect: Inspect) -> None:
    model = _linear()
    del getattr(model.graph, side)[:]
    with pytest.raises(UnsupportedModel, match=said):
        inspect(model.SerializeToString())


def test_an_element_type_of_the_future_is_refused_by_its_number(inspect: Inspect) -> None:
    model = _linear()
    model.graph.output[0].type.tensor_type.elem_type = 82
    with pytest.raises(UnsupportedModel, match="'y' has the element type 82"):
        inspect(model.SerializeToString())


def test_a_function_that_calls_itself_is_corrupt(inspect: Inspect) -> None:
    model = _linear(mine=1)
    call = helper.make_node("F", ["a"], ["b"], domain="mine")
    opset = [helper.make_opsetid("mine", 1)]
    model.functions.append(helper.make_function("mine", "F", ["a"], ["b"], [call], opset))
    with pytest.raises(CorruptModel, match="'F' calls itself"):
        inspect(model.SerializeToString())


@pytest.mark.parametrize(("copies", "given"), [(2, ["x"]), (1, ["x", "x"])])
def test_a_function_that_fits_no_call_is_corrupt(
    copies: int, given: list[str], inspect: Inspect
) -> None:
    model = _linear(mine=1)
    body = [helper.make_node("Neg", ["a"], ["b"])]
    opset = [helper.make_opsetid("", 18)]
    for _ in range(copies):
        model.functions.append(helper.make_function("mine", "F", ["a"], ["b"], body, opset))
    model.graph.node.append(helper.make_node("F", given, ["z"], domain="mine"))
    with pytest.raises(CorruptModel, match="functions cannot be put in the place of"):
        inspect(model.SerializeToString())


def test_functions_that_would_unfold_to_billions_of_nodes_are_refused(inspect: Inspect) -> None:
    model = _linear(mine=1)
    opset = [helper.make_opsetid("mine", 1), helper.make_opsetid("", 18)]
    for level in range(10):
        called = f"F{level + 1}" if level < 9 else "Neg"
        domain = "mine" if level < 9 else ""
        body = [
            helper.make_node(called, ["a" if k == 0 else f"v{k}"], [f"v{k + 1}"], domain=domain)
            for k in range(10)
        ]
        model.functions.append(
            helper.make_function("mine", f"F{level}", ["a"], ["v10"], body, opset)
        )
    model.graph.node.append(helper.make_node("F0", ["y"], ["z"], domain="mine"))
    with pytest.raises(ModelTooLarge, match="10000000001 nodes"):
        inspect(model.SerializeToString())


def test_functions_whose_constants_would_be_there_a_thousand_times_are_refused(
    inspect: Inspect,
) -> None:
    model = _linear(mine=1)
    opset = [helper.make_opsetid("", 18)]
    large = numpy_helper.from_array(np.zeros(1 << 15, np.float32))
    body = [helper.make_node("Constant", [], ["c"], value=large)]
    body.append(helper.make_node("Add", ["a", "c"], ["b"]))
    model.functions.append(helper.make_function("mine", "F", ["a"], ["b"], body, opset))
    for number in range(1000):
        model.graph.node.append(helper.make_node("F", ["y"], [f"z{number}"], domain="mine"))
    with pytest.raises(ModelTooLarge, match=r"unfold to 131.* bytes, more than 200 times"):
        inspect(model.SerializeToString())


def test_a_quantised_model_is_ready_with_a_finding(inspect: Inspect) -> None:
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"]),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [
            numpy_helper.from_array(np.ones((2, 3), np.int8), "q"),
            numpy_helper.from_array(np.array(0.5, np.float32), "s"),
            numpy_helper.from_array(np.array(0, np.int8), "z"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    facts = inspect(model.SerializeToString())
    codes = [finding.code for finding in facts.findings]
    assert "already_quantized" in codes
    assert "no_float_weights" in codes
    assert facts.stats.operators == {"DequantizeLinear": 1, "MatMul": 1}


def test_a_loadable_operator_without_a_torch_view_is_ready_and_named(inspect: Inspect) -> None:
    model = _linear()
    model.graph.node[0].output[0] = "p"
    model.graph.node.append(helper.make_node("Det", ["q"], ["d"], name="det"))
    model.graph.node.insert(1, helper.make_node("Unsqueeze", ["p", "axis"], ["u"]))
    model.graph.node.insert(2, helper.make_node("MatMul", ["t", "u"], ["q"]))
    model.graph.node.insert(2, helper.make_node("Transpose", ["u"], ["t"], perm=[0, 2, 1]))
    model.graph.node.append(helper.make_node("Unsqueeze", ["d", "axis"], ["y"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1
    facts = inspect(model.SerializeToString())
    assert not facts.capabilities.torch_view
    assert facts.capabilities.blocking_operators == ("Det",)
    assert [finding.code for finding in facts.findings] == ["no_torch_view"]
