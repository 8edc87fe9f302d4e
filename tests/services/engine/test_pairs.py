"""A model of texts in pairs, through the engine's door in this process."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.ids import new
from lathe.job import JobSpec
from tests.services.engine.bench import Bench
from worker.wire import Compress, Compressed


def embedder(rng: np.random.Generator) -> onnx.ModelProto:
    """Token ids to the mean of their vectors, then one matrix."""
    nodes = [
        helper.make_node("Gather", ["words.weight", "ids"], ["w"]),
        helper.make_node("ReduceMean", ["w", "axes"], ["m"], keepdims=0),
        helper.make_node("MatMul", ["m", "out.weight"], ["vector"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "words"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 32])],
        [
            numpy_helper.from_array(
                rng.standard_normal((200, 64)).astype(np.float32), "words.weight"
            ),
            numpy_helper.from_array(
                rng.standard_normal((64, 32)).astype(np.float32), "out.weight"
            ),
            numpy_helper.from_array(np.array([1]), "axes"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_pairs_are_judged_by_the_similarity_of_both_sides(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    onnx.save(embedder(rng), tmp_path / "net.onnx")
    arrays: dict[str, NDArray[np.generic]] = {
        f"test/{side}/ids": rng.integers(0, 200, (60, 5)) for side in ("a", "b")
    }
    arrays["test/label"] = rng.random(60)
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    bench = Bench(tmp_path)
    model, data = bench.inspected(tmp_path)
    dataset = new("dat")
    spec = JobSpec.model_validate(
        {
            "model": new("mdl"),
            "data": {"evaluation": {"dataset": dataset, "split": "test", "samples": 50}},
            "task": {"kind": "similarity", "metrics": ["spearman"]},
            "pipeline": [{"id": "int8", "technique": "quantize.dynamic"}],
            "benchmark": None,
        }
    )
    ending = bench.perform(
        Compress(
            spec=spec,
            model=model,
            baseline=model,
            datasets={dataset: data},
        )
    )
    assert isinstance(ending, Compressed), ending
    (spearman,) = [
        c for c in ending.report.candidates[0].against_baseline if c.metric == "spearman"
    ]
    assert spearman.examples == 50
    assert abs(spearman.change) < 0.05
    assert ending.report.verdict.realised == "smaller"
    assert ending.report.noise == ()  # token ids carry no noise
    assert [layer.dtype for layer in ending.report.layers] == ["uint8", "int8"]
