from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from worker.engine.gate import distance
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.operators import operators
from worker.engine.intake.canonical import Canonical, canonicalise
from worker.engine.intake.tidy import tidy
from worker.engine.onnx_file.spill import Spill
from worker.engine.session import open_session, run
from worker.engine.view import blocking_operators


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _canonicalise(model: onnx.ModelProto) -> Canonical:
    upload = _copy(model)
    tidy(upload)
    with TemporaryDirectory() as folder, Spill(Path(folder) / "spill") as spill:
        return canonicalise(upload, spill)


def _codes(canonical: Canonical) -> list[str]:
    return [finding.code for finding in canonical.findings]


def _reshapes(model: onnx.ModelProto) -> list[list[int]]:
    tensors = initializers(model)
    return [
        numpy_helper.to_array(tensors[node.input[1]]).tolist()
        for node in model.graph.node
        if node.op_type == "Reshape"
    ]


def test_a_fixed_batch_is_freed_and_three_batches_at_once_answer_as_one_by_one(
    conv_net: onnx.ModelProto,
) -> None:
    canonical = _canonicalise(conv_net)
    assert canonical.batch_axis == "made_symbolic"
    assert io_spec(canonical.model).inputs[0].shape == ("batch", 3, 4, 4)
    assert io_spec(canonical.model).outputs[0].shape == ("batch", 5)
    image = np.random.default_rng(9).standard_normal((6, 3, 4, 4)).astype(np.float32)
    conv_net.graph.node[2].name = "relu"  # the runtime wants every name once
    single = open_session(conv_net)
    expected = np.concatenate(
        [run(single, {"image": image[k : k + 2]})["scores"] for k in (0, 2, 4)]
    )
    found = run(open_session(canonical.model), {"image": image})["scores"]
    assert distance({"scores": expected}, {"scores": found}) <= 1


def test_names_of_weights_and_doors_stay_and_batchnorm_stays_trainable(
    conv_net: onnx.ModelProto,
) -> None:
    model = _canonicalise(conv_net).model
    kept = {"conv.weight", "g", "b", "m", "v", "fc.weight", "fc.bias"}
    assert kept <= initializers(model).keys()
    assert "unused" not in initializers(model)
    assert operators(model) == {
        "BatchNormalization": 1,
        "Conv": 1,
        "Gemm": 1,
        "Relu": 1,
        "Reshape": 2,
    }
    assert [door.name for door in io_spec(model).inputs] == ["image"]
    assert [door.name for door in io_spec(model).outputs] == ["scores"]


def test_literal_reshapes_become_forms_that_survive_pruning(conv_net: onnx.ModelProto) -> None:
    assert _reshapes(_canonicalise(conv_net).model) == [[0, 0, -1], [0, -1]]


def test_the_opset_is_raised_and_every_node_gets_one_name_that_repeats(
    conv_net: onnx.ModelProto,
) -> None:
    first, again = _canonicalise(conv_net), _canonicalise(conv_net)
    assert first.model.opset_import[0].version == 18
    assert "opset_converted" in _codes(first)
    names = [node.name for node in first.model.graph.node]
    assert "conv" in names
    assert len(set(names)) == len(names) == 6
    assert all(names)
    assert first.model.SerializeToString() == again.model.SerializeToString()


def _softmax_over_the_batch() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["x"], ["y"], axis=0)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_model_that_mixes_its_examples_keeps_its_batch() -> None:
    canonical = _canonicalise(_softmax_over_the_batch())
    assert canonical.batch_axis == "fixed"
    assert _codes(canonical) == ["batch_fixed"]
    assert io_spec(canonical.model).inputs[0].shape == (2, 3)


def test_a_transposed_weight_is_folded_under_its_own_name() -> None:
    weight = np.arange(10, dtype=np.float32).reshape(5, 2)
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["fc.weight"], ["t"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", "t"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(weight, "fc.weight")],
    )
    opset = [helper.make_opsetid("", 18)]
    canonical = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10))
    (tensor,) = canonical.model.graph.initializer
    assert tensor.name == "fc.weight"
    assert np.array_equal(numpy_helper.to_array(tensor), weight.T)
    assert operators(canonical.model) == {"MatMul": 1}
    assert canonical.batch_axis == "symbolic"


def _tied(shape: tuple[int, ...]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["w"], ["same"]),
            helper.make_node("Mul", ["x", "w"], ["h"]),
            helper.make_node("Mul", ["h", "same"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *shape])],
        [numpy_helper.from_array(np.full(shape, 3, np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_tied_matrices_stay_tied_and_shared_vectors_become_two() -> None:
    assert list(initializers(_canonicalise(_tied((4, 2))).model)) == ["w"]
    assert sorted(initializers(_canonicalise(_tied((4,))).model)) == ["same", "w"]


def test_a_constant_that_would_explode_is_left_to_the_runtime() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("ConstantOfShape", ["huge"], ["zeros"]),
            helper.make_node("ConstantOfShape", ["small"], ["few"]),
            helper.make_node("Cast", ["x"], ["ids"], to=TensorProto.INT64),
            helper.make_node("Gather", ["zeros", "ids"], ["a"]),
            helper.make_node("Gather", ["few", "ids"], ["b"]),
            helper.make_node("Add", ["a", "b"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.BOOL, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        [
            numpy_helper.from_array(np.array([(1 << 20) + 9], np.int64), "huge"),
            numpy_helper.from_array(np.array([5], np.int64), "small"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    model = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10)).model
    assert operators(model)["ConstantOfShape"] == 1
    assert sorted(initializers(model)) == ["few", "huge"]


def test_reshapes_of_a_free_batch_take_their_safe_form() -> None:
    def shape(name: str, *sizes: int) -> onnx.TensorProto:
        return numpy_helper.from_array(np.array(sizes, np.int64), name)

    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["x", "heads"], ["a"]),
            helper.make_node("Transpose", ["a"], ["b"], perm=[0, 1, 3, 2]),
            helper.make_node("Reshape", ["b", "merge"], ["c"], allowzero=1),
            helper.make_node("Relu", ["c"], ["d"]),
            helper.make_node("Reshape", ["d", "flat"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 7, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 56])],
        [shape("heads", -1, 7, 2, 4), shape("merge", -1, 7, 8), shape("flat", -1, 56)],
    )
    opset = [helper.make_opsetid("", 18)]
    model = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10)).model
    assert _reshapes(model) == [[0, 0, 2, -1], [0, 0, -1], [0, -1]]
    assert not any(n.attribute for n in model.graph.node if n.op_type == "Reshape")


def test_a_model_that_runs_on_no_random_input_is_kept_with_a_finding() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["x"], ["i"]),
            helper.make_node("Reshape", ["i", "s"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", 7])],
        [numpy_helper.from_array(np.array([-1, 7], np.int64), "s")],
    )
    opset = [helper.make_opsetid("", 18)]
    canonical = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10))
    assert _codes(canonical) == ["not_tried"]
    assert "ONNXRuntimeError" not in canonical.findings[0].message
    assert operators(canonical.model) == {"Identity": 1, "Reshape": 1}


def _turned(heads_after: int) -> onnx.ModelProto:
    """(n, 4, 7, 5) -> (4n, 7, 5) -> (4n, 5, 7) -> (4n / heads_after, heads_after, 5, 7)."""

    def shape(name: str, *sizes: int) -> onnx.TensorProto:
        return numpy_helper.from_array(np.array(sizes, np.int64), name)

    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["x", "merge"], ["a"], allowzero=1),
            helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1]),
            helper.make_node("Reshape", ["b", "split"], ["y"], allowzero=1),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 7, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", heads_after, 5, 7])],
        [shape("merge", -1, 7, 5), shape("split", -1, heads_after, 5, 7)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_merged_key_transposes_are_unmerged_and_free_of_the_head_count() -> None:
    (node,) = _canonicalise(_turned(4)).model.graph.node
    assert (node.op_type, list(node.attribute[0].ints)) == ("Transpose", [0, 1, 3, 2])


def test_a_merged_transpose_that_splits_otherwise_stays() -> None:
    canonical = _canonicalise(_turned(2))
    assert operators(canonical.model) == {"Reshape": 2, "Transpose": 1}
    assert _codes(canonical) == []


def test_a_model_with_one_answer_for_the_whole_batch_keeps_its_batch() -> None:
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
    )
    opset = [helper.make_opsetid("", 18)]
    canonical = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10))
    assert (canonical.batch_axis, _codes(canonical)) == ("fixed", ["batch_fixed"])


def test_a_zero_start_state_no_longer_ties_an_lstm_to_its_batch() -> None:
    rng = np.random.default_rng(4)

    def tensor(name: str, *sizes: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.standard_normal(sizes).astype(np.float32), name)

    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
            helper.make_node("ConstantOfShape", ["state"], ["zero"]),
            helper.make_node(
                "LSTM", ["steps", "w", "r", "", "", "zero", "zero"], ["", "h"], hidden_size=3
            ),
            helper.make_node("Squeeze", ["h", "axis"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [
            tensor("w", 1, 12, 2),
            tensor("r", 1, 12, 3),
            numpy_helper.from_array(np.array([1, 1, 3], np.int64), "state"),
            numpy_helper.from_array(np.array([0], np.int64), "axis"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    canonical = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10))
    assert canonical.batch_axis == "made_symbolic"
    (lstm,) = (node for node in canonical.model.graph.node if node.op_type == "LSTM")
    assert list(lstm.input) == ["steps", "w", "r"]


def test_shape_arithmetic_of_a_free_axis_stays_and_of_a_known_one_goes() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["x"], ["all"]),
            helper.make_node("Gather", ["all", "two"], ["width"]),
            helper.make_node("Gather", ["all", "one"], ["length"]),
            helper.make_node("Cast", ["width"], ["w"], to=TensorProto.FLOAT),
            helper.make_node("Cast", ["length"], ["l"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["x", "w"], ["d"]),
            helper.make_node("Mul", ["d", "l"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "t", 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "t", 5])],
        [
            numpy_helper.from_array(np.array(k, np.int64), n)
            for k, n in ((2, "two"), (1, "one"))
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    model = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10)).model
    assert operators(model) == {"Cast": 1, "Div": 1, "Gather": 1, "Mul": 1, "Shape": 1}
    assert numpy_helper.to_array(initializers(model)["w"]).item() == 5.0


def test_a_model_that_answers_at_random_is_kept_and_told_apart() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["x"], ["i"]),
            helper.make_node("Dropout", ["i", "half", "training"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 30])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 30])],
        [
            numpy_helper.from_array(np.array(0.5, np.float32), "half"),
            numpy_helper.from_array(np.array(1, bool), "training"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    canonical = _canonicalise(helper.make_model(graph, opset_imports=opset, ir_version=10))
    assert _codes(canonical) == ["not_deterministic"]
    assert operators(canonical.model) == {"Dropout": 1, "Identity": 1}


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(("opset", "operator"), [(9, "Upsample"), (10, "Resize")])
def test_old_resizing_keeps_reading_where_it_read(mode: str, opset: int, operator: str) -> None:
    model = parser.parse_model(f"""
        <ir_version: 4, opset_import: ["": {opset}]>
        g (float[N,2,3,4] x) => (float[N,2,6,12] y) {{
            s = Constant<value = float[4] {{1.0, 1.0, 2.0, 3.0}}>()
            y = {operator}<mode="{mode}">(x, s)
        }}""")
    canonical = _canonicalise(model)
    assert _codes(canonical) == ["opset_converted"]
    (resize,) = canonical.model.graph.node
    attributes = {a.name: helper.get_attribute_value(a) for a in resize.attribute}
    assert attributes["coordinate_transformation_mode"] == b"asymmetric"
    assert blocking_operators(canonical.model) == ()


def test_an_old_net_is_brought_up_with_its_weights_that_are_also_inputs() -> None:
    """Opset 7 as exporters wrote it: IR version 3, weights among the inputs, attributes where
    inputs are today, Softmax over all axes from 1 on."""
    body = """
        a = Conv<kernel_shape=[3,3]>(x, w) n = BatchNormalization(a, s, b, m, v)
        c = Clip<min=0.0, max=6.0>(n) p = Pad<pads=[0,0,1,0,0,0,1,0]>(c)
        q = MaxPool<kernel_shape=[2,2], strides=[2,2]>(p) l, r = Split<axis=1, split=[1,3]>(q)
        d = Dropout(r) e = ReduceMean<axes=[2], keepdims=1>(d) z = Squeeze<axes=[2]>(e)
        k = Slice<axes=[1], starts=[0], ends=[2]>(z) f = Softmax(k) y = Flatten(f)
    """
    weights = {
        "w": np.random.default_rng(3).standard_normal((4, 3, 3, 3)),
        **{name: np.arange(4) + 0.5 for name in "sbmv"},
    }
    model = parser.parse_model(
        '<ir_version: 3, opset_import: ["": 7]> g (float[2,3,6,6] x, float[4,3,3,3] w, '
        "float[4] s, float[4] b, float[4] m, float[4] v) => (float[2,4] y) {" + body + "}"
    )
    for name, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(array.astype("f4"), name))
    canonical = _canonicalise(model)
    assert _codes(canonical) == ["opset_converted", "batch_made_symbolic"]
    assert [door.name for door in io_spec(canonical.model).inputs] == ["x"]
    assert weights.keys() <= initializers(canonical.model).keys()
    assert blocking_operators(canonical.model) == ()


def test_what_the_owner_wrote_into_the_file_stays_and_what_tools_wrote_goes() -> None:
    model = _softmax_over_the_batch()
    helper.set_model_props(model, {"labels": "cat,dog", "owner": "vision"})
    model.graph.metadata_props.add(key="exporter", value="pass 7")
    model.graph.node[0].metadata_props.add(key="scope", value="Net/softmax")
    kept = _canonicalise(model).model
    assert {p.key: p.value for p in kept.metadata_props} == {
        "labels": "cat,dog",
        "owner": "vision",
    }
    assert not kept.graph.metadata_props
    assert not kept.graph.node[0].metadata_props
