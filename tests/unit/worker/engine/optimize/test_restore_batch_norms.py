import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper, parser

from worker.engine.context import Arrays
from worker.engine.gate import same_function
from worker.engine.graph.initializers import initializers
from worker.engine.graph.operators import operators
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.batch_norm import merge_batch_norms
from worker.engine.optimize.restore_batch_norms import restore_batch_norms, together
from worker.engine.view import torch_view

SHAPES = {"w1": (4, 2, 3, 3), "b1": (4,), "w2": (3, 4, 1, 1), "w3": (5, 3, 1, 1), "b3": (5,)}
SHAPES |= {"w4": (2, 5, 1, 1), "b4": (2,)}


def _net(opset: int) -> onnx.ModelProto:
    """A Conv that had a norm, one without a bias, one that has its norm, and the last."""
    model = parser.parse_model(f"""<ir_version: 8, opset_import: ["": {opset}]>
        g (float[N,2,6,6] x) => (float[N,2,4,4] y) {{
            a = Conv(x, w1, b1) r = Relu(a) c = Conv(r, w2) e = Conv(c, w3, b3)
            d = BatchNormalization(e, b3, b3, b3, v) y = Conv(d, w4, b4) }}""")
    draw = np.random.default_rng(3)
    for name, shape in SHAPES.items():
        values = draw.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    model.graph.initializer.append(numpy_helper.from_array(np.float32([1, 2, 3, 4, 5]), "v"))
    onnx.checker.check_model(model)
    return model


def _batches() -> list[Arrays]:
    draw = np.random.default_rng(6)
    return [{"x": draw.normal(1, 3, (n, 2, 6, 6)).astype(np.float32)} for n in (5, 2)]


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


@pytest.mark.parametrize("opset", [17, 18])
def test_a_norm_stands_again_where_one_was_merged_and_the_answers_stay(opset: int) -> None:
    before, model = _net(opset), _net(opset)
    assert restore_batch_norms(model, _batches()) == ("w1",)
    assert operators(model) == {"BatchNormalization": 2, "Conv": 4, "Relu": 1}
    assert [value.name for value in model.graph.output] == ["y"]
    assert initializers(before).keys() < initializers(model).keys()
    same_function(before, model, _batches())


def test_its_statistics_are_those_of_all_examples() -> None:
    model = _net(18)
    restore_batch_norms(model, _batches())
    x = torch.from_numpy(np.concatenate([batch["x"] for batch in _batches()]))
    weight, bias = (numpy_helper.to_array(initializers(model)[n]) for n in ("w1", "b1"))
    y = torch.conv2d(x, torch.tensor(weight), torch.tensor(bias)).transpose(0, 1).flatten(1)
    found = {n: numpy_helper.to_array(t) for n, t in initializers(model).items()}
    np.testing.assert_allclose(found["w1/mean"], y.mean(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["w1/var"], y.var(1, correction=0), rtol=1e-4)


def test_every_filter_before_a_norm_has_length_1_but_one_of_zeros() -> None:
    before = _net(18)
    weight = numpy_helper.to_array(initializers(before)["w1"]).copy()
    weight[2] = 0
    initializers(before)["w1"].CopyFrom(numpy_helper.from_array(weight, "w1"))
    model = _copy(before)
    restore_batch_norms(model, _batches())
    found = {n: numpy_helper.to_array(t) for n, t in initializers(model).items()}
    lengths = np.linalg.norm(found["w1"].reshape(4, -1), axis=1)
    np.testing.assert_allclose(lengths, [1, 1, 0, 1], rtol=1e-6)
    old = np.linalg.norm(weight.reshape(4, -1), axis=1)
    bias = numpy_helper.to_array(initializers(before)["b1"])
    np.testing.assert_allclose(found["b1"], bias / [old[0], old[1], 1, old[3]], rtol=1e-6)
    same_function(before, model, _batches())


def test_batches_are_weighed_by_their_examples() -> None:
    """1 example of 3 and 2 of 6 and 9: mean 6, squares 9 + 0 + 9 over 3."""
    mean, variance = together(
        np.array([[3.0], [7.5]]), np.array([[0.0], [2.25]]), np.array([1, 2])
    )
    assert (mean.item(), variance.item()) == pytest.approx((6.0, 6.0))


def test_in_training_it_normalises_each_batch() -> None:
    model = _net(18)
    restore_batch_norms(model, _batches())
    view = torch_view(model)
    norm = next(m for m in view.module.modules() if isinstance(m, torch.nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    norm.register_forward_hook(lambda _, __, y: seen.append(y.detach()))
    view.module.train()
    view.forward({"x": torch.from_numpy(_batches()[0]["x"] * 7 + 2)})
    own = (seen[0].mean((0, 2, 3)), seen[0].std((0, 2, 3), correction=0))
    torch.testing.assert_close(own, (norm.bias.data, norm.weight.data), rtol=1e-3, atol=1e-4)


def test_merged_again_the_model_is_what_it_was(spill: Spill) -> None:
    before, model = _net(18), _net(18)
    restore_batch_norms(model, _batches())
    assert merge_batch_norms(model, frozenset({"w3"}), spill) == 1
    same_function(before, model, _batches())
    assert restore_batch_norms(_copy(before), _batches()) == ("w1",)


def test_a_model_without_such_layers_stays_untouched() -> None:
    model = _net(18)
    restore_batch_norms(model, _batches())
    again = _copy(model)
    assert restore_batch_norms(again, _batches()) == ()
    assert again == model
