"""Inner values of a student beside its teacher's."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.train import Distill, Feature, LogitsLoss, Teacher
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.session import open_session, run
from worker.engine.train.distill import distill
from worker.engine.train.hints import Hints, Pair, Regressors, Value, hints, shown

Build = Callable[..., onnx.ModelProto]
DRAW = np.random.default_rng(9)
WIDE = {  # a teacher with seven hidden units where the student has five
    "m": DRAW.normal(size=(6, 7)),
    "m_bias": DRAW.normal(size=7),
    "g": DRAW.normal(size=(7, 3)),
    "t": DRAW.normal(size=(3, 7)),
}


def spec(*features: Feature, **changes: object) -> Distill:
    usual = {
        "epochs": 6,
        "batch_size": 16,
        "optimizer": {"kind": "adam", "lr": 0.03},
        "loss": {"hard": 0, "logits": {"weight": 0.001}},
        "features": features,
    }
    return Distill.model_validate(usual | changes)


def away(
    model: onnx.ModelProto, teacher: onnx.ModelProto, name: str, context: Context
) -> float:
    """The squared error of an inner value that has the same name in both."""
    assert context.train is not None
    inputs: Arrays = context.train.inputs(np.arange(context.train.count))
    mine, other = (run(open_session(shown(m, [name])), inputs)[name] for m in (model, teacher))
    return float(np.square(mine - other).mean())


@pytest.mark.parametrize(("layer", "value"), [("conv", "c"), ("m", "mm"), ("g", "g1")])
def test_a_hint_draws_a_layer_to_its_teachers(
    layer: str, value: str, every_layer: Build, learning: Context
) -> None:
    dense = onnx.numpy_helper.to_array(initializers(every_layer())[layer])
    student = every_layer(**{layer: 0.3 * dense})
    teacher = learning.teachers["baseline"]
    before = away(student, teacher, value, learning)
    alone = distill(Checkpoint(student), spec(), learning).checkpoint.model
    helped = distill(Checkpoint(student), spec(Feature(layer=layer, weight=5.0)), learning)
    after = away(helped.checkpoint.model, teacher, value, learning)
    assert after < 0.7 * min(before, away(alone, teacher, value, learning))
    assert io_spec(helped.checkpoint.model) == io_spec(student)
    assert helped.facts["features"] == 1


def test_a_wider_teacher_is_met_by_a_regressor_that_learns(
    every_layer: Build, learning: Context
) -> None:
    wide = every_layer(**{name: array.astype(np.float32) for name, array in WIDE.items()})
    context = replace(learning, teachers={"baseline": wide})
    how = spec(Feature(layer="m"), epochs=8)
    curve = distill(Checkpoint(every_layer()), how, context).curve
    assert curve[-1][1] < 0.5 * curve[0][1]


def test_attention_is_learnt_where_channels_differ(
    every_layer: Build, learning: Context
) -> None:
    feature = Feature(layer="conv", kind="attention", weight=100.0)
    student = every_layer(conv=np.float32([[[2.0]], [[-1.0]], [[0.1]], [[0.3]]]))
    curve = distill(Checkpoint(student), spec(feature), learning).curve
    assert curve[-1][1] < 0.8 * curve[0][1]


def test_regressors_are_the_optimisers_and_come_back_from_a_state() -> None:
    value = Value("v", channels_first=True)
    pair = Pair(Feature(layer="a"), value, value)
    example = {"v": torch.zeros(2, 4, 3)}
    made = Hints((pair,)).fitted(example, {"v": torch.zeros(2, 6, 3)}, seed=1)
    held = Regressors(made)
    ((own,),) = [group.parameters for group in held.own()]
    assert own.shape == (6, 4)
    state = {name: tensor.clone() for name, tensor in held.state().items()}
    with torch.no_grad():
        own.zero_()
    held.restore(state)
    assert torch.equal(own, state["0"])
    assert own.abs().max() > 0
    assert Regressors(Hints((pair,)).fitted(example, example, seed=1)).own() == ()


@pytest.mark.parametrize(
    ("feature", "error", "param", "told"),
    [
        (Feature(layer="nope"), UnknownLayer, "features.0.layer", "the model has no layer"),
        (
            Feature(layer="m", teacher_layer="nope"),
            UnknownLayer,
            "features.0.teacher_layer",
            "the teacher has no layer",
        ),
        (Feature(layer="w"), StepImpossible, "features.0.layer", "is a LSTM"),
        (Feature(layer="m", kind="attention"), StepImpossible, "features", "without positions"),
        (
            Feature(layer="conv", teacher_layer="m"),
            StepImpossible,
            "features",
            "only channels may differ",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    feature: Feature,
    error: type[UnknownLayer | StepImpossible],
    param: str,
    told: str,
    every_layer: Build,
    learning: Context,
) -> None:
    with pytest.raises(error, match=told) as caught:
        distill(Checkpoint(every_layer()), spec(feature), learning)
    assert caught.value.param == param


def test_features_are_those_of_the_first_teacher(every_layer: Build, learning: Context) -> None:
    other = "mdl_01k3aaaaaaaaaaaaaaaaaaaaaa"
    teachers = (Teacher(model=other), Teacher())
    context = replace(learning, teachers=learning.teachers | {other: every_layer()})
    how = spec(Feature(layer="m"), teachers=teachers)
    outcome = distill(Checkpoint(every_layer()), how, context)
    assert outcome.facts["teachers"] == 2
    (pair,) = hints(how.features, every_layer(), every_layer()).pairs
    assert (pair.student.name, pair.teacher.name) == ("mm", "mm")


def test_logits_still_count(every_layer: Build, learning: Context) -> None:
    feature = Feature(layer="m", weight=1e-6)
    loud = spec(feature, loss={"hard": 0, "logits": LogitsLoss(weight=1.0, temperature=1.0)})
    student = every_layer(g=np.zeros((5, 3), np.float32))
    curve = distill(Checkpoint(student), loud, learning).curve
    assert curve[-1][1] < 0.8 * curve[0][1]
