"""Small hand-written graphs, and the comparison of their views with onnxruntime."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference

from worker.engine import probe
from worker.engine.session import open_session, run
from worker.engine.view import TorchView, blocking_operators, torch_view, write_back

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
Build = Callable[..., onnx.ModelProto]
Agree = Callable[..., TorchView]


def weights(*shape: int, seed: int = 3) -> Array:
    """Seeded floats."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture
def rand() -> Callable[..., Array]:
    return weights


@pytest.fixture
def build() -> Build:
    def make(
        nodes: Sequence[onnx.NodeProto],
        constants: dict[str, Array] | None = None,
        x: Sequence[int | str] = ("batch", 3, 8, 8),
        *,
        outputs: Sequence[str] = ("y",),
        more: dict[str, tuple[int, Sequence[int | str]]] | None = None,
        kind: int = TensorProto.FLOAT,
        made: int = TensorProto.FLOAT,
        opset: int = 18,
    ) -> onnx.ModelProto:
        doors = {"x": (kind, x), **(more or {})}
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info(n, t, s) for n, (t, s) in doors.items()],
            [helper.make_tensor_value_info(name, made, None) for name in outputs],
            [numpy_helper.from_array(a, n) for n, a in (constants or {}).items()],
        )
        opsets = [helper.make_opsetid("", opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        model = shape_inference.infer_shapes(model, data_prop=True)
        del model.graph.value_info[:]
        for value in model.graph.output:
            if not value.type.tensor_type.HasField(
                "shape"
            ):  # inference knows not every operator
                value.CopyFrom(helper.make_tensor_value_info(value.name, made, x))
        onnx.checker.check_model(model)
        return model

    return make


@pytest.fixture
def agree() -> Agree:
    def check(model: onnx.ModelProto, batch: int = 3) -> TorchView:
        """The view of `model`, after it gave what onnxruntime gives and wrote itself back."""
        assert blocking_operators(model) == ()
        view = torch_view(model)
        inputs = probe.random_inputs(model, batch, seed=5)
        expected: dict[str, Any] = dict(run(open_session(model), inputs))
        found: dict[str, Any] = dict(view.outputs(inputs))
        assert list(expected) == list(found)
        for name, y in expected.items():
            assert y.shape == found[name].shape
            np.testing.assert_allclose(found[name], y, rtol=1e-5, atol=1e-5)
        assert write_back(view, model).SerializeToString() == model.SerializeToString()
        return view

    return check
