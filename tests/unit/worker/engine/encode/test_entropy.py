from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import StepImpossible
from lathe.techniques.encode import EncodeEntropy
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.encode import entropy
from worker.engine.encode.entropy import encode_entropy
from worker.engine.graph.io_spec import io_spec


def model() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def test_the_state_stays_and_what_a_coder_can_use_of_it_is_counted(tmp_path: Path) -> None:
    traits = {
        "a": Trait(sparse=True, multiples=Multiples((0.5,), None, 7)),
        "b": Trait(sparse=True),
        "c": Trait(sparse=True, codebook=8),
        "d": Trait(channels=3),
    }
    before = Checkpoint(model(), traits)
    done = encode_entropy(
        before, EncodeEntropy(profile="fast"), Context(io_spec(before.model), tmp_path)
    )
    assert done.checkpoint == before
    assert done.facts == {
        "profile": "fast",
        "sparse_tensors": 3,
        "tensors_on_a_grid": 1,
        "tensors_with_a_codebook": 1,
    }


def test_a_model_that_no_single_file_holds_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Checkpoint(model())
    monkeypatch.setattr(entropy, "MOST_BYTES", 20)
    with pytest.raises(StepImpossible, match="at most 20 bytes, this model takes"):
        encode_entropy(before, EncodeEntropy(), Context(io_spec(before.model), tmp_path))
