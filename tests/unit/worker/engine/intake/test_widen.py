"""A float16 net: what intake makes of it, in the view too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, parser

from worker.engine import gate, probe
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.intake.canonical import Canonical, canonicalise
from worker.engine.intake.tidy import tidy
from worker.engine.onnx_file.spill import Spill
from worker.engine.session import open_session, run
from worker.engine.view import torch_view, write_back

TWO, ONE = 0x4000, 0x3C00  # their bits, as the text form wants them
Floats = np.ndarray[Any, np.dtype[np.floating]]
NET = f"""<ir_version: 10, opset_import: ["": 18]>
    g (float16[N,3,6,6] x, int64[N] k) => (float16[N,5] y, float16[N,4,4,4] c) {{
        two = Constant<value = float16[1] {{{TWO}}}>() n = Constant<value_ints=[1,5]>()
        c = Conv(x, w) r = Relu(c) f = Flatten(r) m = MatMul(f, v)
        ones = ConstantOfShape<value = float16[1] {{{ONE}}}>(n) p = Cast<to=10>(k)
        last = Constant<value_ints=[1]>() q = Unsqueeze(p, last) t = Mul(m, two)
        s = Add(t, ones) y = Add(s, q) }}"""


DRAW = np.random.default_rng(2)
WEIGHTS = {"w": DRAW.normal(size=(4, 3, 3, 3)) * 0.2, "v": DRAW.normal(size=(64, 5)) * 0.2}


def _canonical(
    text: str, weights: Mapping[str, Floats], tmp_path: Path
) -> tuple[onnx.ModelProto, Canonical]:
    model = parser.parse_model(text)
    for name, values in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(values.astype("f2"), name))
    tidy(model)
    with Spill(tmp_path / "spill") as spill:
        return model, canonicalise(model, spill)


def test_a_float16_net_computes_in_float32_between_float16_doors(tmp_path: Path) -> None:
    upload, canonical = _canonical(NET, WEIGHTS, tmp_path)
    assert [finding.code for finding in canonical.findings] == ["widened"]
    assert io_spec(canonical.model) == io_spec(upload)
    kinds = {
        n: t.data_type for n, t in initializers(canonical.model).items() if len(t.dims) > 1
    }
    assert kinds == {"w": TensorProto.FLOAT, "v": TensorProto.FLOAT, "ones": TensorProto.FLOAT}
    stored = numpy_helper.to_array(initializers(upload)["w"]).astype(np.float32)
    np.testing.assert_array_equal(
        numpy_helper.to_array(initializers(canonical.model)["w"]), stored
    )
    inputs = probe.random_inputs(upload, 3, seed=1)
    found, expected = (run(open_session(m), inputs) for m in (canonical.model, upload))
    assert {name: y.dtype for name, y in found.items()} == {"y": np.float16, "c": np.float16}
    np.testing.assert_allclose(found["y"], expected["y"], rtol=0.01, atol=0.01)


def test_its_view_matches_and_comes_back(tmp_path: Path) -> None:
    _, canonical = _canonical(NET, WEIGHTS, tmp_path)
    view = torch_view(canonical.model)
    assert sorted(view.layers) == ["v", "w"]
    for module in view.module.modules():
        for tensor in module.parameters(recurse=False):
            tensor.data.mul_(1.5)
    inputs = probe.random_inputs(canonical.model, 3, seed=1)
    gate.view_matches(view, write_back(view, canonical.model), inputs)


def test_a_net_that_answers_otherwise_in_float32_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.intake.canonical.HALF_PRECISION", -1.0)
    upload, canonical = _canonical(NET, WEIGHTS, tmp_path)
    assert "widened" not in [finding.code for finding in canonical.findings]
    assert initializers(canonical.model)["w"].data_type == TensorProto.FLOAT16
    assert io_spec(canonical.model) == io_spec(upload)
