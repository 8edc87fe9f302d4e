import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lathe.report import StepReport
from worker.engine.checkpoint import Checkpoint
from worker.engine.run.counts import Counts


def matrix(rows: int, columns: int, *, lowered: bool = False) -> Checkpoint:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", columns])],
        [numpy_helper.from_array(np.zeros((rows, columns), dtype=np.float32), "w")],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    return Checkpoint(helper.make_model(graph, opset_imports=opset), lowered=lowered)


def test_a_float_state_is_counted_and_a_lowered_one_keeps_the_count() -> None:
    narrow = Counts(900, 900).after(matrix(7, 3))
    assert narrow == Counts(21, 21)
    assert narrow.after(matrix(2, 2, lowered=True)) == Counts(21, 21)


def test_counts_come_back_from_a_steps_report() -> None:
    facts = Counts(21, None).as_facts()
    report = StepReport(id="a", technique="optimize.graph", wall_s=1, cpu_s=1, facts=facts)
    again = StepReport.model_validate_json(report.model_dump_json())
    assert Counts.of_report(again) == Counts(21, None)
    bare = report.model_copy(update={"facts": {}})
    assert Counts.of_report(bare) == Counts()
