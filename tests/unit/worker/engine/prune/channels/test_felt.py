"""What the answers feel of units that go, by hand."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx.helper import make_node

from lathe.errors import StepImpossible
from lathe.job import Task
from tests.unit.worker.engine.prune.channels.test_criteria import Around, Build, Pictures
from worker.engine.checkpoint import Checkpoint
from worker.engine.prune.channels.felt import Felt, counts_left, scores_of


def test_a_rise_is_shared_by_the_units_that_go_together() -> None:
    found = scores_of([(2, None), (0, 0.5), (3, 2.5)], 4)
    assert found == pytest.approx([0.25**0.5, np.inf, 0.25**0.5, 2**0.5])
    assert found[2] < found[0]  # in the order in which they go


def test_no_unit_has_less_than_one_that_goes_before_it() -> None:
    found = scores_of([(1, 4.0), (0, 4.0), (2, 3.0), (4, 11.0)], 5)
    assert found == pytest.approx([2, 2, 2, np.inf, 8**0.5])
    assert found[1] < found[0] < found[2] < found[4]


def test_units_that_nobody_feels_keep_their_order() -> None:
    found = scores_of([(1, 0.0), (2, -1e-9), (0, 0.0)], 4)
    assert found[1] == 1e-6
    assert found[2] / found[1] - 1 == pytest.approx(1e-9, rel=1e-3)
    assert found[2] < found[0] < 1e-4


def test_a_net_that_answers_nan_without_a_unit_keeps_it_longest() -> None:
    found = scores_of([(1, 0.5), (0, float("inf"))], 3)
    assert found.tolist() == [np.inf, 0.5**0.5, np.inf]


@pytest.mark.parametrize(
    ("units", "round_to", "wanted"),
    [
        (4, 1, {3, 2, 1}),
        (9, 4, {8, 4}),
        (8, 4, {4}),
        (4, 4, set()),
        (1, 1, set()),
        (17, 1, set(range(1, 17))),
        (18, 1, {1, *range(2, 17, 2)}),
        (35, 1, {1, *range(2, 33, 3)}),
    ],
)
def test_it_is_looked_at_where_a_multiple_is_left(
    units: int, round_to: int, wanted: set[int]
) -> None:
    assert counts_left(units, round_to) == wanted


def test_wide_layers_are_looked_at_a_few_times_and_at_their_least() -> None:
    counts = counts_left(4096, 8)
    assert len(counts) in {16, 17}
    assert min(counts) == 8
    assert all(count % 8 == 0 for count in counts)


@pytest.fixture
def twice(net: Build) -> onnx.ModelProto:
    """y = 2 x, a number an example."""
    return net([make_node("Conv", ["x", "w"], ["y"])], [1, 1, 1], [1, 1, 1], w=np.full(
        (1, 1, 1, 1), 2, np.float32
    ))  # fmt: skip


def test_a_weight_is_changed_for_the_look_and_put_back(
    twice: onnx.ModelProto, context: Around
) -> None:
    x = np.float32([1, 2, 3]).reshape(3, 1, 1, 1)
    felt = Felt.by(Checkpoint(twice), replace(context(twice), calibration=Pictures(x)))
    # errors 1, 2, 3 around answers 2, 4, 6 that vary by 4 + 0 + 4
    assert felt.loss_with({"w": np.full((1, 1, 1, 1), 3, np.float32)}) == pytest.approx(14 / 8)
    assert felt.loss_with({}) == 0


def test_256_examples_are_enough(twice: onnx.ModelProto, context: Around) -> None:
    x = np.ones((300, 1, 1, 1), np.float32)
    felt = Felt.by(Checkpoint(twice), replace(context(twice), calibration=Pictures(x)))
    assert felt.divergence.samples.count == 256


def test_a_classification_is_felt_by_its_probabilities(net: Build, context: Around) -> None:
    weight = np.float32([1, -1]).reshape(2, 1, 1, 1)
    nodes = [make_node("Conv", ["x", "w"], ["h"]), make_node("Flatten", ["h"], ["y"])]
    model = net(nodes, [1, 1, 1], [2], w=weight)
    around = replace(
        context(model),
        calibration=Pictures(np.full((1, 1, 1, 1), np.log(3) / 2, np.float32)),
        task=Task(kind="classification"),
    )
    felt = Felt.by(Checkpoint(model), around)
    lost = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)  # 3 to 1 becomes even
    assert felt.loss_with({"w": np.zeros_like(weight)}) == pytest.approx(lost, rel=1e-5)


def test_it_needs_inputs(twice: onnx.ModelProto, context: Around) -> None:
    with pytest.raises(StepImpossible, match=r"give data\.calibration"):
        Felt.by(Checkpoint(twice), context(twice))
