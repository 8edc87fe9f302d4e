from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from worker.engine.session import open_session, run


def _model() -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["x", "x"], ["twice"]),
            helper.make_node("Neg", ["twice"], ["minus"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 2])
            for n in ("minus", "twice")
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("kind", ["proto", "bytes", "path"])
@pytest.mark.parametrize("optimise", [True, False])
def test_a_session_opens_from_each_source_and_answers_by_output_name(
    kind: str, optimise: bool, tmp_path: Path
) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(_model().SerializeToString())
    sources: dict[str, onnx.ModelProto | bytes | Path] = {
        "proto": _model(),
        "bytes": path.read_bytes(),
        "path": path,
    }
    session = open_session(sources[kind], optimise=optimise)
    answers = run(session, {"x": np.array([[1.5, -4.0]], np.float32)})
    assert answers["twice"].tolist() == [[3.0, -8.0]]
    assert answers["minus"].tolist() == [[-3.0, 8.0]]


def test_threads_are_set_as_asked() -> None:
    options = open_session(_model(), threads=2).get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.inter_op_num_threads == 1
