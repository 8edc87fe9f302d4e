"""Masks, codebooks and multiples through real training steps, for every kind of layer."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from lathe.errors import EffectLost, StepImpossible
from lathe.techniques.train import AdamW, Distill, DistillLoss, Optimizer, Recover, Sgd
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.run.traits import check_kept
from worker.engine.train.distill import distill
from worker.engine.train.recover import recover

Build = Callable[..., onnx.ModelProto]
Floats = NDArray[np.float32]
SHAPES = {
    "conv": (4, 1, 1), "conv_bias": (4,), "w": (2, 12, 4), "r": (2, 12, 3), "b": (2, 24),
    "m": (6, 5), "m_bias": (5,), "g": (5, 3), "t": (3, 5), "table": (2, 3),
}  # fmt: skip
ADAMW = AdamW(lr=0.05, weight_decay=0.1)
SGD = Sgd(lr=0.02, momentum=0.9, weight_decay=0.01)


def masked(shape: tuple[int, ...], draw: np.random.Generator) -> tuple[Floats, Trait]:
    """Every third number is zero."""
    values = draw.normal(size=shape).astype(np.float32)
    values.reshape(-1)[::3] = 0
    return values, Trait(sparse=True)


def shared(shape: tuple[int, ...], draw: np.random.Generator) -> tuple[Floats, Trait]:
    """Three values and zero, and zeros need not be a mask."""
    return draw.choice(np.float32([-1, 0, 0.5, 2]), shape), Trait(codebook=3)


def stepped(shape: tuple[int, ...], draw: np.random.Generator) -> tuple[Floats, Trait]:
    """Codes up to 5 of one step."""
    codes = draw.integers(-5, 6, shape).astype(np.float32)
    return codes * np.float32(0.125), Trait(multiples=Multiples((0.125,), None, 5))


def stepped_mask(shape: tuple[int, ...], draw: np.random.Generator) -> tuple[Floats, Trait]:
    """Codes up to 5, a step for each index of the last axis that is longer than 1."""
    axis = max(k for k, size in enumerate(shape) if size > 1)
    steps = [0.125, 0.25, 0.0625, 0.1875, 0.3125, 0.21875]
    multiples = Multiples(tuple((steps * 4)[: shape[axis]]), axis, 5)
    codes = draw.integers(-5, 6, shape).astype(np.float32)
    return codes * multiples.along(len(shape)), Trait(sparse=True, multiples=multiples)


def checkpoint(every_layer: Build, form: Callable[..., tuple[Floats, Trait]]) -> Checkpoint:
    draw = np.random.default_rng(1)
    formed = {name: form(shape, draw) for name, shape in SHAPES.items()}
    model = every_layer(**{name: values for name, (values, _) in formed.items()})
    return Checkpoint(model, {name: trait for name, (_, trait) in formed.items()})


def arrays(model: onnx.ModelProto) -> dict[str, Floats]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


@pytest.mark.parametrize(
    ("form", "optimizer"),
    [(masked, SGD), (shared, ADAMW), (stepped, ADAMW), (stepped_mask, ADAMW)],
)
def test_every_layer_learns_and_keeps_its_form(
    every_layer: Build,
    learning: Context,
    form: Callable[..., tuple[Floats, Trait]],
    optimizer: Optimizer,
) -> None:
    before = checkpoint(every_layer, form)
    check_kept(before, before)
    spec = Recover(epochs=3, batch_size=36, optimizer=optimizer)
    outcome = recover(before, spec, learning)
    after = outcome.checkpoint
    check_kept(before, after)
    assert outcome.facts["best_epoch"] != 0
    old, new = arrays(before.model), arrays(after.model)
    moved = {name for name in SHAPES if not np.array_equal(old[name], new[name])}
    assert len(moved) >= 8  # small tensors on coarse steps may stay
    assert {"w", "r", "m"} <= moved


def test_a_student_keeps_every_form_beside_each_other(
    every_layer: Build, learning: Context
) -> None:
    parts = [checkpoint(every_layer, form) for form in (masked, shared, stepped, stepped_mask)]
    chosen = {name: parts[k % 4] for k, name in enumerate(SHAPES)}
    model = every_layer(**{name: arrays(part.model)[name] for name, part in chosen.items()})
    before = Checkpoint(model, {name: part.traits[name] for name, part in chosen.items()})
    spec = Distill(epochs=2, batch_size=36, optimizer=ADAMW, loss=DistillLoss(hard=0))
    outcome = distill(before, spec, learning)
    check_kept(before, outcome.checkpoint)
    assert outcome.facts["best_epoch"] != 0


def test_without_holding_the_same_training_breaks_every_form(
    every_layer: Build, learning: Context
) -> None:
    spec = Recover(epochs=1, batch_size=36, optimizer=ADAMW)
    for form, why in ((masked, "zero came back"), (shared, "codebook"), (stepped, "multiple")):
        before = checkpoint(every_layer, form)
        after = recover(Checkpoint(before.model), spec, learning).checkpoint.model
        with pytest.raises(EffectLost, match=why):
            check_kept(before, Checkpoint(after, before.traits))


def test_what_shares_values_on_steps_stays_bit_by_bit(
    every_layer: Build, learning: Context
) -> None:
    before = checkpoint(every_layer, shared)
    both = Trait(codebook=3, multiples=Multiples((0.5,), None, 4))
    before = Checkpoint(before.model, before.traits | {"m": both, "w": both})
    spec = Recover(epochs=2, batch_size=36, optimizer=ADAMW)
    after = recover(before, spec, learning).checkpoint
    old, new = arrays(before.model), arrays(after.model)
    assert np.array_equal(old["m"], new["m"])
    assert np.array_equal(old["w"], new["w"])
    assert not np.array_equal(old["g"], new["g"])
    check_kept(before, after)


def test_a_model_that_may_not_move_at_all_is_refused(
    every_layer: Build, learning: Context
) -> None:
    before = checkpoint(every_layer, shared)
    both = Trait(codebook=3, multiples=Multiples((0.5,), None, 4))
    with pytest.raises(StepImpossible, match="every weight of the model is held"):
        recover(Checkpoint(before.model, dict.fromkeys(SHAPES, both)), Recover(), learning)
