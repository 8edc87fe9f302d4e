"""The catalogue as a whole: whatever technique joins the union has to keep to this."""

import pytest
from pydantic import ValidationError

from lathe.techniques import TECHNIQUES, AnyStep
from lathe.techniques.lessons import reads_labels
from lathe.techniques.quantize import (
    HalfQuadratic,
    PerBlock,
    Percentile,
    QuantizeAware,
    QuantizeDynamic,
    QuantizeStatic,
    QuantizeWeights,
)
from lathe.techniques.step import Phase
from lathe.techniques.train import Adam, Distill, Sgd, Teacher


def name_of(step: type[AnyStep]) -> str:
    return str(step.model_fields["technique"].default)


def test_names_are_unique_and_say_family_and_method() -> None:
    names = [name_of(step) for step in TECHNIQUES]
    assert len(set(names)) == len(names)
    assert all(name.count(".") == 1 and name == name.lower() for name in names)


def test_quantizing_lowers_coding_comes_last_and_everything_else_keeps_floats() -> None:
    phases = {"quantize": Phase.LOWER, "encode": Phase.ENCODE}
    for step in TECHNIQUES:
        assert step.phase is phases.get(name_of(step).split(".")[0], Phase.FLOAT)


def test_training_needs_data_and_a_trainable_form() -> None:
    for step in TECHNIQUES:
        if name_of(step).startswith("train."):
            assert step.needs.train
            assert step.needs.torch_view


def test_every_technique_explains_itself_and_its_fields_have_a_schema() -> None:
    for step in TECHNIQUES:
        first = (step.__doc__ or "").strip().splitlines()[0]
        assert len(first) > 20
        schema = step.model_json_schema()
        assert schema["additionalProperties"] is False
        assert schema["properties"]["technique"]["const"] == name_of(step)


def test_activations_are_asymmetric_and_weights_symmetric_by_default() -> None:
    step = QuantizeStatic()
    assert (step.weights.symmetric, step.activations.symmetric) == (True, False)
    assert step.weights.granularity.per == "channel"
    assert QuantizeDynamic().weights.symmetric is True


def test_weights_alone_are_4_bits_in_blocks_of_128_and_look_at_inputs_only_if_asked() -> None:
    step = QuantizeWeights()
    assert (step.bits, step.symmetric, step.arithmetic) == (4, False, "int8")
    assert (step.granularity, step.rounding) == (PerBlock(size=128), HalfQuadratic(norm=0.7))
    assert not step.looks_at
    for method in ("gptq", "adaround"):
        assert QuantizeWeights.model_validate({"rounding": {"method": method}}).looks_at
    for wrong in ({"bits": 5}, {"granularity": {"per": "block", "size": 48}}):
        with pytest.raises(ValidationError):
            QuantizeWeights.model_validate(wrong)


def test_trained_integers_learn_from_labels_and_calibrate_unless_asked_to_round_alone() -> None:
    step = QuantizeAware()
    assert (step.bits, step.epochs, step.teachers, step.loss.hard) == (8, 3, (), 1.0)
    assert (step.needs.train, step.needs.calibration, step.needs.torch_view) == (True,) * 3
    assert reads_labels(step)
    assert not reads_labels(QuantizeAware(epochs=0))
    for wrong in ({"bits": 5}, {"epochs": -1}, {"teachers": (), "loss": {"hard": 0}}):
        with pytest.raises(ValidationError):
            QuantizeAware.model_validate(wrong)


def test_members_of_a_union_are_told_apart_by_their_tag() -> None:
    static = QuantizeStatic.model_validate({"calibration": {"method": "percentile"}})
    assert static.calibration == Percentile(percentile=99.99)
    taught = Distill.model_validate({"optimizer": {"kind": "sgd", "lr": 0.25}})
    assert taught.optimizer == Sgd(lr=0.25, momentum=0.9)
    assert isinstance(Distill().optimizer, Adam)
    with pytest.raises(ValidationError):
        QuantizeStatic.model_validate({"calibration": {"method": "entropy", "percentile": 99}})


def test_a_teacher_is_named_once() -> None:
    with pytest.raises(ValidationError, match="name each teacher once"):
        Distill(teachers=(Teacher(), Teacher(weight=2)))
    assert Distill().teachers == (Teacher(model="baseline", weight=1),)
