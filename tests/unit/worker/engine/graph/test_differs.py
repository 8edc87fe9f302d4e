from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from worker.engine.graph.differs import differs


def net(*, weight: float = 2.5, dtype: type[np.generic] = np.float32) -> onnx.ModelProto:
    tensor = numpy_helper.from_array(np.array([[1.5, weight]], dtype), "w")
    node = helper.make_node("Gemm", ["x", "w"], ["y"])
    return helper.make_model(helper.make_graph([node], "net", [], [], [tensor]))


def renamed(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].name = "v"


def transposed(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("transB", 1))


@pytest.mark.parametrize("change", [renamed, transposed])
def test_another_name_or_node_is_a_difference(
    change: Callable[[onnx.ModelProto], None],
) -> None:
    model = net()
    change(model)
    assert differs(net(), model)


def test_another_value_or_type_is_a_difference_and_a_doc_string_is_none() -> None:
    documented = net()
    documented.graph.doc_string = "made by hand"
    assert differs(net(), net(weight=2.25))
    assert differs(net(), net(dtype=np.float64))
    assert not differs(net(), documented)
