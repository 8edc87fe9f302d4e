import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import UnsupportedModel
from lathe.facts import TensorSpec
from worker.engine.graph.io_spec import io_spec


def _model() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", 7, None]),
            helper.make_tensor_value_info("table", TensorProto.FLOAT, [9, 2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 7, None, 2])],
        [numpy_helper.from_array(np.ones((9, 2), np.float32), "table")],
    )
    return helper.make_model(graph)


def test_doors_are_named_typed_and_sized_and_constants_are_no_doors() -> None:
    io = io_spec(_model())
    assert io.inputs == (TensorSpec(name="ids", dtype="int32", shape=("batch", 7, None)),)
    assert io.outputs == (TensorSpec(name="y", dtype="float32", shape=("batch", 7, None, 2)),)


def test_a_sequence_is_refused_by_name() -> None:
    model = _model()
    model.graph.output[0].CopyFrom(
        helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    )
    with pytest.raises(UnsupportedModel, match="output 'y' is declared as sequence"):
        io_spec(model)


def test_an_output_without_a_rank_is_refused_by_name() -> None:
    model = _model()
    model.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(UnsupportedModel, match="output 'y' declares no shape"):
        io_spec(model)
