"""share.rate_distortion in rounds, from checkpoint to checkpoint."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from lathe.techniques.rate import RateDistortion, ShareRateDistortion
from lathe.techniques.train import Adam
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.rate import rounds
from worker.engine.rate.rounds import share_by_rounds
from worker.engine.rate.train import train_rate_distortion
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run


def spec(**changes: object) -> ShareRateDistortion:
    usual = {
        "epochs": 2,
        "batch_size": 16,
        "optimizer": Adam(lr=0.02, betas=(0.9, 0.99)),
        "rate": 1e-3,
        "rounds": 2,
        "samples": 64,
        "initial_step": 0.5,
        "drop_dead": False,
    }
    return ShareRateDistortion.model_validate(usual | changes)


def weight(model: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    return np.asarray(array(initializers(model)[name]), np.float32)


def nonzeros(model: onnx.ModelProto) -> int:
    return sum(int(np.count_nonzero(weight(model, name))) for name in ("a", "b"))


def accuracy(model: onnx.ModelProto, context: Context) -> float:
    assert context.train is not None
    rows = np.arange(context.train.count)
    said = run(open_session(model), context.train.inputs(rows))["y"]
    return float((said.argmax(1) == context.train.labels(rows)).mean())


@pytest.fixture
def gridded(dense: onnx.ModelProto, taught: Context) -> Checkpoint:
    """The dense net after a rate-distortion training with next to no price."""
    training = RateDistortion(
        epochs=1,
        settle_epochs=1,
        batch_size=16,
        rate=1e-6,
        initial_step=0.4,
        drop_dead=False,
        optimizer=Adam(lr=0.01),
    )
    return train_rate_distortion(Checkpoint(dense), training, taught).checkpoint


def test_rounds_take_weights_away_and_keep_zeros_and_steps(
    gridded: Checkpoint, taught: Context
) -> None:
    outcome = share_by_rounds(gridded, spec(), taught)
    after = outcome.checkpoint
    check_kept(gridded, after)
    for name, trait in gridded.traits.items():
        assert after.traits[name].multiples == trait.multiples
    assert nonzeros(after.model) < 0.7 * nonzeros(gridded.model)
    assert accuracy(after.model, taught) > 0.97
    facts = outcome.facts
    assert (facts["rounds_run"], facts["rounds_kept"], facts["target_met"]) == (2, 2, None)
    assert isinstance(facts["estimated_coded_bytes"], int)
    assert isinstance(facts["estimated_coded_bytes_before"], int)
    assert facts["estimated_coded_bytes"] < 0.8 * facts["estimated_coded_bytes_before"]
    assert [row[0] for row in outcome.curve] == [0, 1, 2, 3, 4]


def test_a_round_that_loses_too_much_is_undone_and_the_next_asks_half(
    gridded: Checkpoint, taught: Context
) -> None:
    ruinous = spec(rate=1.0, epochs=0, rounds=3, target={"max_drop": 0.02})
    outcome = share_by_rounds(gridded, ruinous, taught)
    assert outcome.checkpoint.model.SerializeToString() == gridded.model.SerializeToString()
    facts = outcome.facts
    assert (facts["rounds_run"], facts["rounds_kept"]) == (3, 0)
    assert facts["last_rate"] == 0.25
    assert facts["target_met"] is True
    assert facts["held_out_score_after"] == facts["held_out_score_before"]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed file is as large as there are nonzero weights, plus 50 bytes."""

    def size(checkpoint: Checkpoint, *_: object) -> int:
        return 50 + nonzeros(checkpoint.model)

    monkeypatch.setattr(rounds, "packed_bytes", size)


@pytest.mark.usefixtures("counted")
def test_rounds_end_at_the_size_asked_for(gridded: Checkpoint, taught: Context) -> None:
    whole = 50 + nonzeros(gridded.model)
    enough = spec(rounds=5, epochs=0, target={"max_bytes": whole})
    facts = share_by_rounds(gridded, enough, taught).facts
    assert (facts["rounds_run"], facts["target_met"]) == (0, True)
    assert facts["packed_bytes"] == whole
    smaller = spec(rounds=9, epochs=0, target={"max_bytes": whole - 20})
    outcome = share_by_rounds(gridded, smaller, taught)
    found = outcome.facts["packed_bytes"]
    assert isinstance(found, int)
    assert whole - 35 < found <= whole - 20
    assert found == 50 + nonzeros(outcome.checkpoint.model)
    assert outcome.facts["target_met"] is True


def test_a_drop_is_counted_from_the_original_whoever_else_teaches(
    gridded: Checkpoint, untrained: onnx.ModelProto, taught: Context
) -> None:
    other = "mdl_01k3b8e0q0f3zv3x5m8b2k7y9d"
    taught.teachers[other] = untrained
    quick = {"rounds": 1, "epochs": 0, "target": {"max_drop": 0.5}}
    alone = share_by_rounds(gridded, spec(**quick), taught).facts
    second = [{"model": other}, {"model": "baseline"}]
    both = share_by_rounds(gridded, spec(teachers=second, **quick), taught).facts
    first = share_by_rounds(gridded, spec(teachers=second[:1], **quick), taught).facts
    none = share_by_rounds(
        gridded, spec(teachers=[], loss={"hard": 1.0}, **quick), taught
    ).facts
    reference = "held_out_score_of_reference"
    assert len({facts[reference] for facts in (alone, both, first, none)}) == 1
    taught.teachers["baseline"] = untrained
    worse = share_by_rounds(gridded, spec(**quick), taught).facts
    assert worse[reference] < alone[reference]


@pytest.mark.usefixtures("counted")
def test_a_target_that_cannot_be_met_gives_the_best_found(
    gridded: Checkpoint, taught: Context
) -> None:
    tiny = spec(epochs=0, target={"max_bytes": 1, "profile": "fast"})
    outcome = share_by_rounds(gridded, tiny, taught)
    assert outcome.facts["target_met"] is False
    assert outcome.facts["rounds_kept"] == 2
    assert nonzeros(outcome.checkpoint.model) < nonzeros(gridded.model)


def test_floats_are_first_put_on_a_grid(dense: onnx.ModelProto, taught: Context) -> None:
    after = share_by_rounds(Checkpoint(dense), spec(rounds=1), taught).checkpoint
    multiples = after.traits["a"].multiples
    assert multiples is not None
    assert multiples.steps[0] == pytest.approx(0.5 * weight(dense, "a").std(), rel=2**-8)
    check_kept(Checkpoint(dense), after)


def test_codes_alone_without_training_lose_what_the_price_says(
    gridded: Checkpoint, taught: Context
) -> None:
    cheap = share_by_rounds(gridded, spec(epochs=0, rounds=1, rate=1e-4), taught)
    dear = share_by_rounds(gridded, spec(epochs=0, rounds=1, rate=1e-2), taught)
    assert nonzeros(dear.checkpoint.model) < nonzeros(cheap.checkpoint.model)
    a, b = weight(cheap.checkpoint.model, "a"), weight(gridded.model, "a")
    assert np.all(np.abs(a) <= np.abs(b))  # never away from zero
    assert np.all(a * b >= 0)


def test_a_step_for_each_channel_is_refused(dense: onnx.ModelProto, taught: Context) -> None:
    checkpoint = Checkpoint(dense)
    many = Multiples(steps=(0.5,) * 16, axis=0, most=7)
    checkpoint.traits["a"] = Trait(multiples=many)
    with pytest.raises(StepImpossible, match="a step for each channel"):
        share_by_rounds(checkpoint, spec(), taught)
