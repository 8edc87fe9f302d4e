"""Weights stored as bfloat16."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.quantize import QuantizeFloat
from worker.engine.checkpoint import Checkpoint, Trait, load, save
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.measure.executed import executed
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped
from worker.engine.quantize.bfloat16 import store_bfloat16
from worker.engine.run.layers_report import layer_reports
from worker.engine.session import open_session, run

Build = Callable[..., Checkpoint]
Contexts = Callable[..., Context]
SPEC = QuantizeFloat(dtype="bfloat16")


def product(build: Build, weight: NDArray[np.float32]) -> Checkpoint:
    nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])]
    rows, columns = weight.shape
    return build(nodes, {"w": weight}, {"x": ["n", rows]}, {"y": ["n", columns]})


def test_weights_keep_eight_significant_bits(build: Build, context: Contexts) -> None:
    weight = np.float32([[1 + 2**-8, 1 + 3 * 2**-8], [-3.0e38, 3.4028e38], [1e-38, 0]])
    net = product(build, weight)
    after = store_bfloat16(net, SPEC, context(net)).checkpoint
    (y,) = run(open_session(after.model), {"x": np.eye(3, dtype=np.float32)}).values()
    assert y[0].tolist() == [1, 1 + 2**-6]  # ties to even
    assert y[1].tolist() == [pytest.approx(-3.0e38, rel=2**-9), 255 * 2.0**120]
    assert y[2].tolist() == [pytest.approx(1e-38, rel=2**-9), 0]


def test_weights_halve_doors_stay_and_layers_are_found_again(
    convnet: Checkpoint,
    context: Contexts,
    images: NDArray[np.float32],
    sqnr: Callable[..., float],
) -> None:
    outcome = store_bfloat16(convnet, SPEC, context(convnet))
    model = outcome.checkpoint.model
    onnx.checker.check_model(model, full_check=True)
    assert io_spec(model) == io_spec(convnet.model)
    kinds = {t.name: t.data_type for t in model.graph.initializer}
    assert kinds["a"] == kinds["w"] == TensorProto.BFLOAT16
    assert kinds["a.bias"] == TensorProto.FLOAT
    assert sqnr(convnet, outcome.checkpoint, {"x": images}) > 40
    assert (outcome.facts["layers_quantized"], outcome.facts["faster_on_cpu"]) == (3, False)
    ran = executed(model).layers
    reports = layer_reports(convnet.model, model, None, ran)
    assert [(one.dtype, one.nonzero) for one in reports] == [("bfloat16", 1.0)] * 3
    assert [one.bytes_after for one in reports] == [144 + 16, 216, 12]
    assert {kind.split()[1] for kind in ran.values()} == {"float32"}


def test_a_large_weight_goes_through_a_file(
    build: Build, context: Contexts, tmp_path: Path
) -> None:
    weight = np.random.default_rng(0).normal(size=(160, 150)).astype(np.float32)
    net = product(build, weight)
    save(net, tmp_path / "float.onnx")
    mapped = load(tmp_path / "float.onnx")
    assert is_mapped(initializers(mapped.model)["w"])
    after = store_bfloat16(mapped, SPEC, context(mapped)).checkpoint
    stored = array(initializers(after.model)["w"]).astype(np.float32)
    assert np.abs(stored / weight - 1).max() <= 2**-8
    inline = store_bfloat16(net, SPEC, context(net)).checkpoint
    assert np.array_equal(stored, array(initializers(inline.model)["w"]).astype(np.float32))


def test_an_excluded_layer_stays_and_shared_values_are_forgotten(
    convnet: Checkpoint, context: Contexts
) -> None:
    spec = SPEC.model_copy(update={"exclude": ("b",)})
    traits = {"a": Trait(codebook=5, sparse=True), "b": Trait(codebook=5)}
    outcome = store_bfloat16(Checkpoint(convnet.model, traits), spec, context(convnet))
    assert initializers(outcome.checkpoint.model)["b"] == initializers(convnet.model)["b"]
    assert outcome.facts["float_layers"] == "b"
    assert outcome.checkpoint.traits["a"] == Trait(sparse=True)
    assert outcome.checkpoint.traits["b"] == traits["b"]


def test_refusals(convnet: Checkpoint, context: Contexts) -> None:
    everything = SPEC.model_copy(update={"exclude": ("a", "b", "w")})
    with pytest.raises(StepImpossible, match="excluded"):
        store_bfloat16(convnet, everything, context(convnet))
    unknown = SPEC.model_copy(update={"exclude": ("c",)})
    with pytest.raises(UnknownLayer) as refused:
        store_bfloat16(convnet, unknown, context(convnet))
    assert refused.value.param == "exclude"
