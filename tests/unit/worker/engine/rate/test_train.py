"""train.rate_distortion from checkpoint to checkpoint."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import StepImpossible, TrainingDiverged, UnknownLayer
from lathe.techniques.rate import RateDistortion
from lathe.techniques.train import Adam
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.rate.train import train_rate_distortion
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run


def spec(**changes: object) -> RateDistortion:
    usual = {
        "epochs": 6,
        "settle_epochs": 2,
        "batch_size": 16,
        "optimizer": Adam(lr=0.02, betas=(0.9, 0.99)),
        "rate": 1e-3,
        "initial_step": 1.0,
        "drop_dead": False,
    }
    return RateDistortion.model_validate(usual | changes)


def weight(model: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    return np.asarray(array(initializers(model)[name]), np.float32)


def accuracy(model: onnx.ModelProto, context: Context) -> float:
    assert context.train is not None
    rows = np.arange(context.train.count)
    said = run(open_session(model), context.train.inputs(rows))["y"]
    return float((said.argmax(1) == context.train.labels(rows)).mean())


def test_what_tells_nothing_becomes_zero_and_the_model_still_knows(
    dense: onnx.ModelProto, taught: Context
) -> None:
    before = Checkpoint(dense)
    outcome = train_rate_distortion(before, spec(epochs=10), taught)
    after = outcome.checkpoint
    check_kept(before, after)
    a = weight(after.model, "a")
    noise, signal = np.count_nonzero(a[:, 2:]), np.count_nonzero(a[:, :2])
    assert noise < 0.3 * a[:, 2:].size
    assert signal > noise
    assert accuracy(after.model, taught) > 0.97
    assert np.count_nonzero(weight(dense, "a")) == 96  # all of them, in the beginning
    assert outcome.facts["nonzero_weights"] == sum(
        np.count_nonzero(weight(after.model, name)) for name in ("a", "a_bias", "b", "b_bias")
    )


def test_every_value_is_a_multiple_of_a_step_of_two_bytes(
    dense: onnx.ModelProto, taught: Context
) -> None:
    after = train_rate_distortion(Checkpoint(dense), spec(epochs=1), taught).checkpoint
    assert set(after.traits) == {"a", "a_bias", "b", "b_bias"}
    for name, trait in after.traits.items():
        assert trait.sparse
        assert trait.multiples is not None
        (step,) = trait.multiples.steps
        codes = np.rint(weight(after.model, name) / np.float32(step))
        exact = codes.astype(np.float32) * np.float32(step)
        assert exact.tobytes() == weight(after.model, name).tobytes()
        assert np.abs(codes).max() <= trait.multiples.most == (127 if "bias" in name else 7)


def test_steps_learn_in_the_beginning_only(dense: onnx.ModelProto, taught: Context) -> None:
    still = train_rate_distortion(Checkpoint(dense), spec(step_share=0, epochs=2), taught)
    moved = train_rate_distortion(Checkpoint(dense), spec(step_share=1, epochs=2), taught)
    first = float(weight(dense, "a").std())

    def step(outcome: Checkpoint) -> float:
        multiples = outcome.traits["a"].multiples
        assert multiples is not None
        return multiples.steps[0]

    assert step(still.checkpoint) == pytest.approx(first, rel=2**-8)
    assert step(moved.checkpoint) != step(still.checkpoint)


def test_a_higher_rate_leaves_less(dense: onnx.ModelProto, taught: Context) -> None:
    low = train_rate_distortion(Checkpoint(dense), spec(rate=1e-5), taught).facts
    high = train_rate_distortion(Checkpoint(dense), spec(rate=1e-3), taught).facts
    assert isinstance(low["nonzero_weights"], int)
    assert isinstance(high["nonzero_weights"], int)
    assert high["nonzero_weights"] < 0.8 * low["nonzero_weights"]


def test_units_without_use_are_cut_out(dense: onnx.ModelProto, taught: Context) -> None:
    whole = train_rate_distortion(Checkpoint(dense), spec(rate=3e-3), taught)
    cut = train_rate_distortion(Checkpoint(dense), spec(rate=3e-3, drop_dead=True), taught)
    check_kept(Checkpoint(dense), cut.checkpoint)
    counts = np.count_nonzero(weight(cut.checkpoint.model, "a"), axis=1)
    counts += np.count_nonzero(weight(cut.checkpoint.model, "b"), axis=1)
    assert counts.tolist() == sorted(counts, reverse=True)
    units = cut.facts["dead_units_cut"]
    assert isinstance(units, int)
    assert units > 0
    assert weight(cut.checkpoint.model, "a").shape == (16 - units, 6)
    assert accuracy(cut.checkpoint.model, taught) == accuracy(whole.checkpoint.model, taught)


def test_a_rate_that_leaves_nothing_is_said_before_the_run_is_over(
    dense: onnx.ModelProto, taught: Context
) -> None:
    with pytest.raises(TrainingDiverged, match="nearly every weight became zero") as refusal:
        train_rate_distortion(
            Checkpoint(dense), spec(rate=1.0, epochs=500, initial_step=5.0), taught
        )
    assert refusal.value.param == "rate"


def test_earlier_zeros_and_steps_stay(dense: onnx.ModelProto, taught: Context) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(dense)
    held = initializers(model)["a"]
    codes = np.rint(weight(dense, "a") / np.float32(0.125)).clip(-3, 3)
    codes[:, 0] = 0
    values = codes.astype(np.float32) * np.float32(0.125)
    held.CopyFrom(onnx.numpy_helper.from_array(values, "a"))
    multiples = Multiples(steps=(0.125,), axis=None, most=3)
    before = Checkpoint(model, {"a": Trait(sparse=True, multiples=multiples)})
    after = train_rate_distortion(before, spec(epochs=2, rate=1e-6), taught).checkpoint
    check_kept(before, after)
    assert after.traits["a"].multiples == multiples
    assert not np.any(weight(after.model, "a")[values == 0])
    assert np.any(weight(after.model, "a") != values)


def test_a_protected_layer_keeps_its_floats(dense: onnx.ModelProto, taught: Context) -> None:
    after = train_rate_distortion(
        Checkpoint(dense), spec(protect=["b"], epochs=1), taught
    ).checkpoint
    assert set(after.traits) == {"a", "a_bias"}
    assert len(np.unique(weight(after.model, "b"))) == 48
    with pytest.raises(UnknownLayer, match="no layer 'c'"):
        train_rate_distortion(Checkpoint(dense), spec(protect=["c"]), taught)
    with pytest.raises(StepImpossible, match="no layer left"):
        train_rate_distortion(Checkpoint(dense), spec(protect=["a", "b"]), taught)


def test_the_same_seed_gives_the_same_weights_and_the_curve_counts_every_epoch(
    dense: onnx.ModelProto, taught: Context
) -> None:
    once, again = (
        train_rate_distortion(Checkpoint(dense), spec(epochs=1), taught) for _ in range(2)
    )
    assert once.checkpoint.model.SerializeToString() == (
        again.checkpoint.model.SerializeToString()
    )
    assert [row[0] for row in once.curve] == [0, 1, 2, 3]
    assert once.facts["epochs_run"] == 3
    other = train_rate_distortion(Checkpoint(dense), spec(epochs=1), replace(taught, seed=8))
    assert other.curve != once.curve


def test_labels_alone_are_enough(dense: onnx.ModelProto, context: Context) -> None:
    alone = spec(teachers=[], loss={"hard": 1.0}, epochs=4)
    outcome = train_rate_distortion(Checkpoint(dense), alone, context)
    assert outcome.facts["hard_loss"] == "cross_entropy"
    assert accuracy(outcome.checkpoint.model, context) > 0.97


def test_progress_runs_once_from_nothing_to_all(
    dense: onnx.ModelProto, taught: Context
) -> None:
    seen: list[float] = []
    listening = replace(taught, progress=lambda progress: seen.append(progress.fraction))
    train_rate_distortion(Checkpoint(dense), spec(epochs=1), listening)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert 1 / 3 in seen  # 1 of 3 epochs
