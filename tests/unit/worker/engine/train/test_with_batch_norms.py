"""Training with restored BatchNorms, which are gone afterwards."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from pydantic import ValidationError

from lathe.errors import EffectLost, StepImpossible
from lathe.techniques.train import Adam, Distill, Feature, Recover
from tests.unit.worker.engine.points import Points
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.operators import operators
from worker.engine.outcome import Outcome
from worker.engine.train.distill import distill
from worker.engine.train.recover import recover
from worker.engine.train.with_batch_norms import with_batch_norms

X = np.float32([[1, 0], [3, 0], [5, 4], [3, 4]])  # means 3 and 2
A = np.float32([[2, 0], [0, -1], [1, 1]])
A_BIAS = np.float32([0.5, 0, -3])
Change = Callable[[dict[str, onnx.TensorProto]], None]


def convnet(b_weight: str = "b", middle: str = "") -> onnx.ModelProto:
    """x (n, 2) -> Conv a (3) -> Relu -> Conv `b_weight` (3) -> Relu -> Gemm -> y (n, 3)."""
    model = parser.parse_model(f"""<ir_version: 10, opset_import: ["": 18]>
        g (float[n,2] x) => (float[n,3] y) {{
            x3 = Unsqueeze(x, two) h = Conv(x3, a, a_bias) {middle or "m = Relu(h)"}
            k = Conv(m, {b_weight}, b_bias) r = Relu(k)
            f = Flatten(r) y = Gemm(f, c) }}""")
    draw = np.random.default_rng(5)
    arrays: dict[str, NDArray[np.generic]] = {
        "two": np.array([2]), "a": A[:, :, None], "a_bias": A_BIAS,
        "b": draw.normal(size=(3, 3, 1)).astype(np.float32),
        "b_bias": np.float32([0.25, -1, 2]), "c": np.eye(3, dtype=np.float32),
        "gamma": np.float32([1, 2, 3]), "ones": np.ones(3, np.float32),
    }  # fmt: skip
    read = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in arrays.items() if name in read
    )
    return model


def tensors(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def values(model: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    return np.asarray(numpy_helper.to_array(tensors(model)[name]))


def doubled(known: dict[str, onnx.TensorProto]) -> None:
    gamma = known["a/gamma"]
    twice = 2 * numpy_helper.to_array(gamma)
    gamma.CopyFrom(numpy_helper.from_array(twice, gamma.name))


class Trainer:
    """Stands in for a training that does no more than `change` some tensors."""

    def __init__(self, change: Change = lambda _: None) -> None:
        self.change = change
        self.seen = onnx.ModelProto()

    def __call__(self, checkpoint: Checkpoint) -> Outcome:
        self.seen = checkpoint.model
        model = checkpoint.private()
        self.change(tensors(model))
        return Outcome(replace(checkpoint, model=model), {"said": 7})


@pytest.fixture
def four(context: Context) -> Context:
    return replace(context, train=Points(X, np.array([0, 1, 2, 0])))


def test_training_sees_norms_and_hands_back_the_nodes_and_tensors_that_were_there(
    four: Context,
) -> None:
    trainer, model = Trainer(), convnet()
    outcome = with_batch_norms(Checkpoint(model), four, trainer)
    assert operators(trainer.seen)["BatchNormalization"] == 2
    assert outcome.facts == {"said": 7, "batch_norms_restored": 2}
    after = outcome.checkpoint.model
    assert [*after.graph.node] == [*model.graph.node]
    assert tensors(after).keys() == tensors(model).keys()
    for name in tensors(model):
        np.testing.assert_allclose(values(after, name), values(model, name), atol=1e-6)


def test_what_a_norm_has_learnt_is_in_the_weights_and_biases_afterwards(four: Context) -> None:
    outcome = with_batch_norms(Checkpoint(convnet()), four, Trainer(doubled))
    after = outcome.checkpoint.model
    np.testing.assert_allclose(values(after, "a")[:, :, 0], 2 * A, rtol=1e-5)
    # 2 (A x + b - mean) + mean with mean = A (3, 2) + b = (6.5, -2, 2)
    np.testing.assert_allclose(values(after, "a_bias"), [-5.5, 2, -8], rtol=1e-5)


@pytest.mark.parametrize(
    "traits",
    [
        {"a": Trait(codebook=4)},
        {"a_bias": Trait(codebook=3)},
        {"a_bias": Trait(sparse=True)},
    ],
)
def test_a_layer_on_few_values_or_with_zeros_in_its_bias_has_no_norm(
    traits: dict[str, Trait], four: Context
) -> None:
    trainer = Trainer()
    outcome = with_batch_norms(Checkpoint(convnet(), traits), four, trainer)
    assert outcome.facts["batch_norms_restored"] == 1
    assert "a/gamma" not in tensors(trainer.seen)


def test_zeros_of_a_weight_stay_zero_under_a_norm(four: Context) -> None:
    traits = {"a": Trait(sparse=True, channels=3)}
    outcome = with_batch_norms(Checkpoint(convnet(), traits), four, Trainer(doubled))
    assert outcome.facts["batch_norms_restored"] == 2
    np.testing.assert_array_equal(values(outcome.checkpoint.model, "a")[:, :, 0] == 0, A == 0)


def test_a_weight_of_two_layers_has_no_norm_and_one_that_was_there_stays(four: Context) -> None:
    square = "m = Conv(h, b, b_bias)"
    twice = with_batch_norms(Checkpoint(convnet(middle=square)), four, Trainer())
    assert twice.facts["batch_norms_restored"] == 1
    own = "n = BatchNormalization(h, gamma, ones, ones, gamma) m = Relu(n)"
    kept = with_batch_norms(Checkpoint(convnet(middle=own)), four, Trainer())
    assert kept.facts["batch_norms_restored"] == 1
    assert operators(kept.checkpoint.model)["BatchNormalization"] == 1
    np.testing.assert_array_equal(values(kept.checkpoint.model, "gamma"), [1, 2, 3])


@pytest.mark.parametrize("taught", [False, True])
def test_a_training_with_norms_learns_and_leaves_none(
    taught: bool,
    context: Context,
) -> None:
    checkpoint = Checkpoint(convnet(), {"a": Trait(channels=3)})
    options = {"epochs": 4, "batch_size": 16, "optimizer": Adam(lr=0.05)}
    if taught:
        spec = Distill(**options, batch_norms="restore")
        outcome = distill(checkpoint, spec, context)
    else:
        outcome = recover(checkpoint, Recover(**options, batch_norms="restore"), context)
    assert outcome.facts["batch_norms_restored"] == 2
    assert outcome.facts["held_out_score_after"] > outcome.facts["held_out_score_before"]
    assert operators(outcome.checkpoint.model) == operators(checkpoint.model)
    assert outcome.checkpoint.traits == checkpoint.traits


def test_a_norm_that_would_change_the_function_is_refused(
    four: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restored(model: onnx.ModelProto, *_: object) -> tuple[str, ...]:
        bias = tensors(model)["a_bias"]
        bias.CopyFrom(numpy_helper.from_array(A_BIAS + 1, bias.name))
        return ("a",)

    monkeypatch.setattr("worker.engine.train.with_batch_norms.restore_batch_norms", restored)
    with pytest.raises(EffectLost, match="another function"):
        with_batch_norms(Checkpoint(convnet()), four, Trainer())


def test_what_cannot_be_trained_is_refused_first(four: Context) -> None:
    with pytest.raises(StepImpossible, match="at least 2 examples"):
        with_batch_norms(Checkpoint(convnet()), replace(four, train=None), Trainer())


def test_features_cannot_be_compared_behind_restored_norms() -> None:
    with pytest.raises(ValidationError, match="leave one of the two out"):
        Distill(features=(Feature(layer="a"),), batch_norms="restore")
