"""share.weights from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from lathe.errors import StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.prune import PruneWeights
from lathe.techniques.share import ShareWeights
from lathe.techniques.train import Adam, Recover
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.onnx_file.spill import Spill
from worker.engine.prune.weights.prune import prune_weights
from worker.engine.run.traits import check_kept
from worker.engine.share.weights import share_weights
from worker.engine.train.recover import recover

Build = Callable[..., onnx.ModelProto]
ALONE = ShareWeights(bits=2, epochs=0)


def arrays(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def distinct(values: NDArray[np.float32]) -> int:
    return len(set(values.ravel().tolist()) - {0.0})


def test_a_layer_s_weights_take_the_values_of_k_means(
    every_layer: Build, learning: Context
) -> None:
    # "g" of 15 weights: {-4 -4 -2} {0 0 0 1} {5 5 6 6} {9 9 9 9} about -10/3, 1/4, 11/2, 9
    g = np.float32([-4, 0, 5, 9, -4, 0, 5, 9, -2, 0, 6, 9, 1, 6, 9]).reshape(5, 3)
    before = Checkpoint(every_layer(g=g))
    spec = ALONE.model_copy(update={"protect": ("conv", "w", "m", "t", "table")})
    outcome = share_weights(before, spec, learning)
    after = outcome.checkpoint
    check_kept(before, after)
    low = float(np.float32(-10 / 3))
    expected = [low, 0.25, 5.5, 9, low, 0.25, 5.5, 9, low, 0.25, 5.5, 9, 0.25, 5.5, 9]
    assert arrays(after.model)["g"].ravel().tolist() == expected
    assert after.traits == {"g": Trait(codebook=4)}
    # squares: 2 (2/3)^2 + (4/3)^2 + 3 (1/4)^2 + (3/4)^2 + 4 (1/2)^2 = 4.4167 of 519
    facts = outcome.facts
    assert facts["relative_error"] == pytest.approx((4.416667 / 483) ** 0.5, rel=1e-4)
    assert (facts["tensors_shared"], facts["weights_shared"]) == (1, 15)
    assert facts["by_tensor"] == "g 4 values, error 0.0956"
    assert (facts["distinct_values"], facts["values_trained"]) == (4, False)


def test_zero_is_one_of_the_values_of_a_masked_layer(
    every_layer: Build, learning: Context
) -> None:
    g = np.float32([0, 0, 0, 0, 1, 1, 2, 2, 5, 5, 6, 6, 9, 9, 0]).reshape(5, 3)
    before = Checkpoint(every_layer(g=g), {"g": Trait(sparse=True)})
    after = share_weights(before, ALONE, learning).checkpoint
    check_kept(before, after)
    # three values from 1, 5 and 9: {1 1 2 2} {5 5 6 6} {9 9}
    expected = [0, 0, 0, 0, 1.5, 1.5, 1.5, 1.5, 5.5, 5.5, 5.5, 5.5, 9, 9, 0]
    assert arrays(after.model)["g"].ravel().tolist() == expected
    assert after.traits["g"] == Trait(sparse=True, codebook=3)


def test_every_kind_of_layer_is_shared_and_biases_are_not(
    every_layer: Build, learning: Context
) -> None:
    before = Checkpoint(every_layer())
    outcome = share_weights(before, ALONE, learning)
    new, old = arrays(outcome.checkpoint.model), arrays(before.model)
    assert set(outcome.checkpoint.traits) == {"w", "r", "m", "g", "t", "table"}
    assert {distinct(new[name]) for name in ("w", "r", "m", "g", "t", "table")} == {4}
    for name in ("conv", "conv_bias", "b", "m_bias"):  # conv has 4 weights: its own codebook
        assert np.array_equal(new[name], old[name])
    kept = share_weights(
        before, ALONE.model_copy(update={"embeddings": False, "protect": ("w",)}), learning
    )
    assert set(kept.checkpoint.traits) == {"m", "g", "t"}


def test_values_learn_where_there_are_train_data(every_layer: Build, learning: Context) -> None:
    said: list[float] = []

    def hear(progress: Progress) -> None:
        said.append(progress.fraction)

    spec = ShareWeights(bits=2, epochs=4, batch_size=16, hold_out=0.4, optimizer=Adam(lr=0.1))
    outcome = share_weights(Checkpoint(every_layer()), spec, replace(learning, progress=hear))
    alone = share_weights(Checkpoint(every_layer()), ALONE, learning)
    check_kept(alone.checkpoint, outcome.checkpoint)
    assert outcome.facts["values_trained"]
    assert outcome.facts["held_out_score_after"] > outcome.facts["held_out_score_before"]
    old, new = arrays(alone.checkpoint.model), arrays(outcome.checkpoint.model)
    assert not np.array_equal(old["m"], new["m"])
    assert said == sorted(said)
    assert said[-1] == 1
    unlearnt = share_weights(Checkpoint(every_layer()), spec, replace(learning, train=None))
    assert not unlearnt.facts["values_trained"]
    assert np.array_equal(arrays(unlearnt.checkpoint.model)["m"], old["m"])


def test_prune_share_and_recover_keep_each_other_s_work(
    every_layer: Build, learning: Context
) -> None:
    optimizer = Adam(lr=0.02)
    pruned = prune_weights(
        Checkpoint(every_layer()),
        PruneWeights(sparsity=0.5, epochs=3, batch_size=16, optimizer=optimizer),
        learning,
    ).checkpoint
    shared = share_weights(
        pruned, ShareWeights(bits=2, epochs=1, optimizer=optimizer), learning
    ).checkpoint
    check_kept(pruned, shared)
    spec = Recover(epochs=2, batch_size=16, optimizer=optimizer)
    done = recover(shared, spec, learning).checkpoint
    check_kept(shared, done)
    check_kept(pruned, done)
    left, before = arrays(done.model), arrays(shared.model)
    for name, size in (("w", 96), ("r", 72), ("m", 30), ("g", 15), ("t", 15)):
        assert np.count_nonzero(left[name]) == size // 2
        assert distinct(left[name]) <= 3
    assert done.traits["m"] == Trait(sparse=True, codebook=3)
    assert done.traits["conv"] == Trait(sparse=True)
    assert not np.array_equal(left["m"], before["m"])


def test_sharing_again_with_fewer_values_merges_them(
    every_layer: Build, learning: Context
) -> None:
    eight = share_weights(
        Checkpoint(every_layer()), ALONE.model_copy(update={"bits": 3}), learning
    )
    four = share_weights(eight.checkpoint, ALONE, learning).checkpoint
    check_kept(eight.checkpoint, four)
    again = share_weights(four, ALONE.model_copy(update={"bits": 3}), learning)
    assert again.facts["relative_error"] == 0
    assert again.checkpoint.traits["m"].codebook == 4


def test_large_tensors_are_shared_in_files(every_layer: Build, learning: Context) -> None:
    model = every_layer(m=np.random.default_rng(3).normal(size=(6, 5)).astype(np.float32))
    whole = share_weights(Checkpoint(model), ALONE, learning).checkpoint
    large = next(t for t in model.graph.initializer if t.name == "m")
    large.raw_data = np.tile(arrays(model)["m"], (600, 1)).tobytes()
    large.dims[:] = [3600, 5]
    with Spill(learning.folder / "large") as spill:
        spill.take(large)
    done = share_weights(Checkpoint(model), ALONE, learning).checkpoint
    tensor = next(t for t in done.model.graph.initializer if t.name == "m")
    assert tensor.data_location == onnx.TensorProto.EXTERNAL
    check_kept(done, done)
    assert distinct(arrays(whole.model)["m"]) == done.traits["m"].codebook == 4


def test_what_cannot_be_shared_is_refused(every_layer: Build, learning: Context) -> None:
    with pytest.raises(UnknownLayer, match="'nowhere'"):
        share_weights(Checkpoint(every_layer()), ShareWeights(protect=("nowhere",)), learning)
    every = ("conv", "w", "m", "g", "t", "table")
    with pytest.raises(StepImpossible, match="no layer with float weights to share, or all"):
        share_weights(Checkpoint(every_layer()), ShareWeights(protect=every), learning)
    with pytest.raises(StepImpossible, match="more than 4096 weights to share; lower bits"):
        share_weights(Checkpoint(every_layer()), ShareWeights(bits=12), learning)
    stepped = Checkpoint(every_layer(), {"g": Trait(multiples=Multiples((1.0,), None, 7))})
    with pytest.raises(StepImpossible, match="'g' are multiples of a step already"):
        share_weights(stepped, ALONE, learning)
    unlabelled = replace(learning, task=Task(kind="none"))
    with pytest.raises(StepImpossible, match=r"set loss\.hard to 0"):
        share_weights(Checkpoint(every_layer()), ShareWeights(bits=2), unlabelled)
