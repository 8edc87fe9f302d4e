"""Changed copies in a training run."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError
from torch import nn

from lathe.errors import StepImpossible
from lathe.task import Task
from lathe.techniques.augment import Augment
from lathe.techniques.train import Distill, DistillLoss, LogitsLoss, Recover
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.session import run
from worker.engine.train.augmentation import Augmentation, augmentation, refuse_maps
from worker.engine.train.batches import Batch, batches
from worker.engine.train.course import course
from worker.engine.train.loop import fit
from worker.engine.train.objective import Objective
from worker.engine.train.recover import recover

CPU = torch.device("cpu")
SHIFT = Augment(shift_pixels=1.5)


@dataclass(frozen=True)
class Pictures:
    """Arrays by input name; labels only where there are some."""

    arrays: Arrays
    y: NDArray[np.generic] | None = None

    @property
    def count(self) -> int:
        return len(next(iter(self.arrays.values())))

    @property
    def has_labels(self) -> bool:
        return self.y is not None

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {name: array[rows] for name, array in self.arrays.items()}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        assert self.y is not None
        return self.y[rows]


def drawn(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


@pytest.fixture
def pictures() -> Pictures:
    return Pictures({"x": drawn(40, 2, 5, 4)}, np.arange(40) % 3)


def opened(spec: Augment, samples: Pictures, seed: int = 6) -> Augmentation:
    made = augmentation(spec, samples, seed)
    assert made is not None
    return made


def shown(made: Augmentation, samples: Pictures, rows: list[int]) -> dict[str, torch.Tensor]:
    numbers = np.array(rows)
    whole = batches(samples, numbers, len(rows), CPU, labels=False, augmentation=made)
    return next(iter(whole)).inputs


def test_an_epoch_shows_each_example_once_as_it_is_or_as_one_of_its_copies(
    pictures: Pictures,
) -> None:
    made = opened(replace_spec(copies=3, unchanged=0.25), pictures)
    rows = np.arange(40).repeat(50)
    chosen = made.choose(rows, epoch=1)
    assert (chosen % 40 == rows).all()
    share = np.bincount(chosen // 40, minlength=4) / len(rows)
    assert share == pytest.approx([0.25] * 4, abs=0.05)
    assert (chosen == made.choose(rows, epoch=1)).all()
    assert (chosen != made.choose(rows, epoch=2)).any()
    assert made.rows == 160


def replace_spec(**changes: Any) -> Augment:
    return SHIFT.model_copy(update=changes)


def test_a_copy_looks_the_same_in_every_batch_and_another_copy_does_not(
    pictures: Pictures,
) -> None:
    made = opened(SHIFT, pictures)
    first = shown(made, pictures, [3, 43, 83, 7])["x"]
    again = shown(made, pictures, [83, 3])["x"]
    assert torch.allclose(again[0], first[2], atol=1e-5)
    assert not torch.allclose(first[1], first[2])
    assert torch.equal(first[0], torch.from_numpy(pictures.arrays["x"][3]))
    assert torch.equal(first[3], torch.from_numpy(pictures.arrays["x"][7]))
    other = shown(opened(SHIFT, pictures, seed=7), pictures, [83])["x"]
    assert not torch.allclose(other[0], first[2])


def test_inputs_of_one_example_move_together_and_others_stay() -> None:
    left = drawn(3, 1, 6, 6)
    two = Pictures({"a": left, "b": 2 * left, "flag": drawn(3, 2)})
    made = opened(SHIFT, two)
    seen = shown(made, two, [4])
    assert torch.allclose(2 * seen["a"], seen["b"], atol=1e-6)
    assert not torch.allclose(seen["a"], torch.from_numpy(left[1:2]))
    assert torch.equal(seen["flag"], torch.from_numpy(two.arrays["flag"][1:2]))
    only = shown(opened(replace_spec(inputs=("b",)), two), two, [4])
    assert torch.equal(only["a"], torch.from_numpy(left[1:2]))


def test_channels_may_be_last(pictures: Pictures) -> None:
    last = Pictures({"x": np.moveaxis(drawn(4, 6, 5, 3), -1, 1).copy()})
    there = Pictures({"x": np.moveaxis(last.arrays["x"], 1, -1).copy()})
    first = shown(opened(SHIFT, last), last, [5])["x"]
    moved = shown(opened(replace_spec(layout="nhwc"), there), there, [5])["x"]
    assert torch.allclose(first, moved.movedim(-1, 1), atol=1e-6)
    with pytest.raises(StepImpossible, match='layout "nhwc"') as refused:
        augmentation(SHIFT, there, 0)
    assert refused.value.param == "augment.layout"


def test_noise_has_the_size_asked_for() -> None:
    plain = Pictures({"x": np.zeros((20, 1, 30, 30), np.float32)})
    seen = shown(opened(Augment(noise=0.3), plain), plain, list(range(20, 40)))["x"]
    assert abs(seen.std() - 0.3) < 0.01
    assert abs(seen.mean()) < 0.01


def test_what_is_no_float_image_is_refused_by_the_field() -> None:
    flat = Pictures({"tokens": np.zeros((3, 7), np.int64), "x": drawn(3, 8)})
    with pytest.raises(StepImpossible, match=r"'tokens' int64 \(7,\)") as none:
        augmentation(SHIFT, flat, 0)
    assert none.value.param == "augment"
    with pytest.raises(StepImpossible, match=r"'x' is float32 \(8,\)") as named:
        augmentation(replace_spec(inputs=("x",)), flat, 0)
    assert named.value.param == "augment.inputs"
    with pytest.raises(StepImpossible, match="names 'y'; the model has tokens, x"):
        augmentation(replace_spec(inputs=("y",)), flat, 0)
    whole = Pictures({"x": np.zeros((3, 1, 4, 4), np.uint8)})
    with pytest.raises(StepImpossible, match="uint8"):
        augmentation(SHIFT, whole, 0)
    assert augmentation(None, flat, 0) is None


def test_labels_that_are_pictures_are_not_learnt_from_moved_images(pictures: Pictures) -> None:
    maps = replace(pictures, y=np.zeros((40, 5, 4), np.int64))
    with pytest.raises(StepImpossible, match="would not move"):
        refuse_maps(SHIFT, maps)
    refuse_maps(Augment(noise=1), maps)
    refuse_maps(SHIFT, pictures)


def test_an_augmentation_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="changes nothing"):
        Augment()
    with pytest.raises(ValidationError, match="shift_pixels"):
        Augment.model_validate({"shift_pixels": -1})


@pytest.fixture
def net() -> onnx.ModelProto:
    """x (n, 2, 5, 4) -> Flatten -> Gemm (3) -> y."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 5, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(drawn(3, 40), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def context(net: onnx.ModelProto, pictures: Pictures, tmp_path: Any) -> Context:
    return Context(
        io=io_spec(net),
        folder=tmp_path,
        seed=11,
        hold_out_seed=2,
        task=Task(kind="classification"),
        train=pictures,
        teachers={"baseline": net},
    )


def test_teachers_hear_the_changed_images_without_labels(
    net: onnx.ModelProto, context: Context, pictures: Pictures
) -> None:
    unlabelled = replace(context, train=replace(pictures, y=None))
    spec = Distill(augment=SHIFT, loss=DistillLoss(hard=0, logits=LogitsLoss(weight=1)))
    lesson = course(Checkpoint(net), spec, unlabelled).lesson
    rows = np.array([1, 45, 90, 3])
    lesson.prepare(rows, lambda: None)
    batch = next(
        batches(pictures, rows, 4, CPU, labels=False, augmentation=lesson.augmentation)
    )
    teacher = lesson.teachers[0]
    assert teacher.known[rows].all()
    heard = run(teacher.session, {"x": batch.inputs["x"].numpy()})["y"]
    assert teacher.says(batch)["y"].numpy() == pytest.approx(heard, abs=1e-5)
    assert lesson.score({"y": teacher.says(batch)["y"]}, batch) == pytest.approx(0, abs=1e-6)


def test_epochs_learn_from_copies_and_are_judged_by_plain_images_that_every_step_shares(
    context: Context,
) -> None:
    judged: list[NDArray[np.int64]] = []
    learnt: list[NDArray[np.int64]] = []

    class Spy(Objective):
        def loss(self, outputs: Any, batch: Batch) -> torch.Tensor:
            (learnt if torch.is_grad_enabled() else judged).append(batch.rows)
            return super().loss(outputs, batch)

    def held(seed: int) -> set[int]:
        judged.clear()
        module = nn.Linear(40, 3)
        fit(
            module,
            lambda i: {"y": module(i["x"].flatten(1))},
            Recover(epochs=2, hold_out=0.3, augment=replace_spec(copies=2), batch_size=7),
            Spy("logits", "y"),
            replace(context, seed=seed),
        )
        return set(judged[-1].tolist())

    assert held(11) == held(12)
    held_rows = held(13)
    assert len(held_rows) == 12
    shown_rows = np.concatenate(learnt)
    assert shown_rows.max() >= 80  # the second copy's rows
    assert np.concatenate(judged).max() < 40
    assert not held_rows & set((shown_rows % 40).tolist())


def test_the_same_seed_trains_the_same_weights_on_changed_images(
    net: onnx.ModelProto, context: Context
) -> None:
    spec = Recover(epochs=2, batch_size=8, augment=SHIFT)
    first, again = (recover(Checkpoint(net), spec, context) for _ in range(2))
    assert first.curve == again.curve
    assert first.checkpoint.model == again.checkpoint.model
    plain = recover(Checkpoint(net), Recover(epochs=2, batch_size=8), context)
    assert first.curve[0] == plain.curve[0]
    assert first.curve[1] != plain.curve[1]
