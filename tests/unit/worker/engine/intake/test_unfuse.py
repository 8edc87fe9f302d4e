"""Every fused operator of onnxruntime beside what takes its place, both run."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from worker.engine.graph.initializers import initializers
from worker.engine.graph.operators import operators
from worker.engine.intake.canonical import canonicalise
from worker.engine.intake.tidy import tidy
from worker.engine.onnx_file.spill import Spill
from worker.engine.session import open_session, run
from worker.engine.view import blocking_operators, torch_view

DROPPED = {"still_fused", "opset_kept", "not_simplified", "shapes_not_fixed", "not_tried"}
FUSED = {
    "Gelu(x)": {"Add", "Div", "Erf", "Mul"},
    "BiasGelu(x, b)": {"Add", "Div", "Erf", "Mul"},
    "QuickGelu<alpha = 1.5>(x)": {"Mul", "Sigmoid"},
    "FastGelu(x)": {"Add", "Mul", "Tanh"},
    "FastGelu(x, b)": {"Add", "Mul", "Tanh"},
    'FusedGemm<activation = "Relu", transB = 1, alpha = 0.5>(x, w, b)': {"Gemm", "Relu"},
    'FusedGemm<activation = "LeakyRelu", activation_alpha = 0.3>(x, w)': {"Gemm", "LeakyRelu"},
    "FusedMatMul<alpha = 0.7, transB = 1>(x, w)": {"MatMul", "Mul"},
    "FusedMatMul<transA = 1>(w, x)": {"MatMul"},
    "SkipLayerNormalization<epsilon = 0.01>(x, w, b, c)": {"Add", "LayerNormalization"},
    "SkipLayerNormalization(x, w, b, c, d)": {"Add", "LayerNormalization"},
    "SkipSimplifiedLayerNormalization<epsilon = 0.01>(x, w, b, d)": {
        "Add", "Div", "Mul", "ReduceMean", "Sqrt",
    },
}  # fmt: skip


def _canonical(text: str, tmp_path: Path, **weights: tuple[int, ...]) -> onnx.ModelProto:
    model = parser.parse_model(text)
    draw = np.random.default_rng(4)
    for name, shape in weights.items():
        values = draw.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    tidy(model)
    with Spill(tmp_path / "spill") as spill:
        canonical = canonicalise(model, spill)
    assert not {finding.code for finding in canonical.findings} & DROPPED
    return canonical.model


def _net(body: str, opset: int = 18) -> str:
    return f"""<ir_version: 8, opset_import: ["": {opset}, "com.microsoft": 1]>
        g (float[4,4] x) => (float[4,4] y) {{ f = com.microsoft.{body} y = Add(f, x) }}"""


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("body", FUSED)
def test_a_fused_operator_becomes_standard_ones_with_the_same_answer(
    body: str, opset: int, tmp_path: Path
) -> None:
    model = _canonical(_net(body, opset), tmp_path, w=(4, 4), b=(4,), c=(4,), d=(4,))
    assert operators(model).keys() - {"Transpose"} == FUSED[body] | {"Add"}
    assert [entry.domain for entry in model.opset_import] == [""]
    assert blocking_operators(model) == ()


def test_a_fused_convolution_adds_its_last_input_before_the_activation(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["": 18, "com.microsoft": 1]>
        g (float[N,2,4,4] x) => (float[N,2,4,4] y) {
            y = com.microsoft.FusedConv<activation = "HardSigmoid",
                activation_params = [0.3, 0.4], pads = [1,1,1,1]>(x, w, b, x) }"""
    model = _canonical(text, tmp_path, w=(2, 2, 3, 3), b=(2,))
    assert operators(model) == {"Add": 1, "Conv": 1, "HardSigmoid": 1}
    assert set(initializers(model)) == {"w", "b"}
    x = {"x": np.random.default_rng(1).standard_normal((1, 2, 4, 4)).astype(np.float32)}
    found = torch_view(model).outputs(x)["y"]
    np.testing.assert_allclose(found, run(open_session(model), x)["y"], atol=1e-5)


def test_what_a_skip_adds_up_to_is_still_there_for_who_reads_it(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["": 18, "com.microsoft": 1]>
        g (float[N,4] x) => (float[N,4] y) {
            n, , , s = com.microsoft.SkipLayerNormalization(x, x, b, c) y = Mul(n, s) }"""
    model = _canonical(text, tmp_path, b=(4,), c=(4,))
    assert operators(model) == {"Add": 1, "LayerNormalization": 1, "Mul": 1}


def test_what_has_no_other_form_stays_and_is_named_as_the_obstacle(tmp_path: Path) -> None:
    model = _canonical(_net('FusedGemm<activation = "Softplus">(x, w)'), tmp_path, w=(4, 4))
    assert blocking_operators(model) == ("com.microsoft::FusedGemm",)
