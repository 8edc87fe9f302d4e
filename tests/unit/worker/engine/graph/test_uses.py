import onnx
from onnx import TensorProto, helper

from worker.engine.graph.uses import consumers, live, producers


def _graph() -> onnx.GraphProto:
    branch = helper.make_graph(
        [helper.make_node("Neg", ["captured"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    return helper.make_graph(
        [
            helper.make_node("Abs", ["x"], ["captured"], name="abs"),
            helper.make_node("Mul", ["x", "x"], ["unused"], name="mul"),
            helper.make_node(
                "If", ["c"], ["y"], name="if", then_branch=branch, else_branch=branch
            ),
        ],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("x", "c")],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )


def test_a_value_read_only_inside_a_branch_is_alive() -> None:
    assert {"captured", "x", "c", "y"} <= live(_graph())
    assert "unused" not in live(_graph())


def test_readers_are_listed_once_and_include_branches() -> None:
    readers = {name: [n.name for n in nodes] for name, nodes in consumers(_graph()).items()}
    assert readers["x"] == ["abs", "mul"]
    assert readers["captured"] == ["if"]


def test_each_value_has_its_maker() -> None:
    assert {name: node.name for name, node in producers(_graph()).items()} == {
        "captured": "abs",
        "unused": "mul",
        "y": "if",
    }
