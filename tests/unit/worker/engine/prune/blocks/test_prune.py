"""prune.blocks from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.techniques.prune import PruneBlocks
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.heads.attentions import APART, SAME, TOKENS
from tests.unit.worker.engine.prune.reading import arrays
from tests.unit.worker.engine.prune.text_net import text_net
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.prune.blocks.find import residual_blocks
from worker.engine.prune.blocks.influence import change, influences
from worker.engine.prune.blocks.prune import prune_blocks
from worker.engine.session import open_session, run

Around = Callable[[onnx.ModelProto], Context]
NUMBERS, ANSWER = "float[N,2] x", "float[N,2] y"
# y = z + z c, z = v + v b, v = x + x a: three blocks one after the other
ROW = """
    f = MatMul(x, a) v = Add(x, f) g = MatMul(v, b) z = Add(g, v)
    h = MatMul(z, c) y = Add(z, h)
"""
X = np.float32([[1, 0], [2, 2], [0, 3]])


def times(number: float, turned: float = 0) -> NDArray[np.float32]:
    """A matrix that makes x `number` times as long, and adds x turned by a right angle."""
    return np.float32([[number, turned], [-turned, number]])


def row(a: NDArray[np.float32], b: NDArray[np.float32], c: NDArray[np.float32]) -> Checkpoint:
    return Checkpoint(text_net(NUMBERS, ANSWER, ROW, a=a, b=b, c=c))


def looking(context: Around, checkpoint: Checkpoint) -> Context:
    return replace(context(checkpoint.model), calibration=Points(X))


def left(checkpoint: Checkpoint) -> set[str]:
    return set(arrays(checkpoint.model))


def test_a_block_that_adds_nothing_goes_and_the_answer_stays(context: Around) -> None:
    before = row(times(3), times(0), times(0.5))
    outcome = prune_blocks(before, PruneBlocks(remove=1), looking(context, before))
    assert left(outcome.checkpoint) == {"a", "c"}
    old, new = (run(open_session(m.model), {"x": X})["y"] for m in (before, outcome.checkpoint))
    assert np.array_equal(old, new)
    facts = outcome.facts
    assert (facts["blocks_before"], facts["blocks_removed"], facts["removed"]) == (3, 1, "b")
    assert (facts["macs_after"], facts["parameters_after"]) == (8, 8)
    assert facts["output_change"] == 0
    assert facts["examples"] == 3


def test_the_next_to_go_is_found_anew_after_each(context: Around) -> None:
    # y = 2.5 * 0.5 * 0.5 x: without a block 0.25, 1.25 or 1.25, so far from 0.625 by 0.375
    # or 0.625 of x; then without two 0.5 or 0.5, nearer than 1 would be
    before = row(times(1.5), times(-0.5), times(-0.5))
    outcome = prune_blocks(before, PruneBlocks(remove=1), looking(context, before))
    assert outcome.facts["removed"] == "a"
    assert outcome.facts["output_change"] == pytest.approx((0.375 / 0.625) ** 2)
    outcome = prune_blocks(before, PruneBlocks(remove=2), looking(context, before))
    assert outcome.facts["removed"] == "a; b"
    assert left(outcome.checkpoint) == {"c"}
    assert outcome.facts["output_change"] == pytest.approx((0.125 / 0.625) ** 2)
    # y = 2 * 0.6 * 1.5 x = 1.8 x: 0.9, 3 or 1.2; then 2 without b is nearer than 0.6
    before = row(times(1), times(-0.4), times(0.5))
    outcome = prune_blocks(before, PruneBlocks(remove=2), looking(context, before))
    assert outcome.facts["removed"] == "c; b"


def test_by_cosine_the_block_goes_that_turns_its_input_least(context: Around) -> None:
    # a makes x six times as long and turns it little, b turns it by 45 degrees
    before = row(times(5, 0.1), times(0, 1), times(0, 0.5))
    spec = PruneBlocks(remove=1, criterion="cosine")
    outcome = prune_blocks(before, spec, looking(context, before))
    assert outcome.facts["removed"] == "a"
    blocks, _ = residual_blocks(before, (), 0)
    found = influences(before.model, blocks, [{"x": X}], 1)
    assert found == pytest.approx([1 - 6 / 36.01**0.5, 1 - 0.5**0.5, 1 - 1 / 1.25**0.5])
    outcome = prune_blocks(
        before, PruneBlocks(keep_parameters=0.4, criterion="cosine"), looking(context, before)
    )
    assert outcome.facts["removed"] == "a; c"


def test_padding_is_no_vector_of_a_block() -> None:
    body = "f = MatMul(x, w) y = Add(x, f)"
    inputs = "float[N,2,2] x, int64[N,2] attention_mask"
    model = text_net(inputs, "float[N,2,2] y", body, w=times(0, 1))
    blocks, _ = residual_blocks(Checkpoint(model), (), 0)
    x = np.float32([[[1, 0], [0, 0]], [[0, 2], [0, 0]]])
    for mask, influence in (([1, 1], 0.5), ([1, 0], 1)):  # zeros are not turned
        batch = {"x": x, "attention_mask": np.array([mask, mask])}
        found = influences(model, blocks, [batch], 1)
        assert found == pytest.approx([influence * (1 - 0.5**0.5)])


def test_outputs_are_compared_each_by_its_own_size() -> None:
    before = [{"y": np.float32([3, 4]), "z": np.float32([100])}, {"y": np.float32([0, 0]),
              "z": np.float32([0])}]  # fmt: skip
    after = [{"y": np.float32([3, 5]), "z": np.float32([100])}, {"y": np.float32([2, 0]),
             "z": np.float32([50])}]  # fmt: skip
    assert change(before, after) == pytest.approx((5 / 25 + 2500 / 10000) / 2)
    after[1]["z"] = np.float32([np.nan])
    assert change(before, after) == float("inf")


def test_a_budget_is_met_with_as_few_blocks_as_can_be(context: Around) -> None:
    before = row(times(0.1), times(0.2), times(0.3))
    for spec, gone in (
        (PruneBlocks(keep_macs=0.7), "a"),
        (PruneBlocks(keep_parameters=0.6), "a; b"),
        (PruneBlocks(keep_macs=0.34, protect=("a",)), "b; c"),
    ):
        outcome = prune_blocks(before, spec, looking(context, before))
        assert outcome.facts["removed"] == gone
    assert outcome.facts["left_alone"] == "the block of a (it is protected)"


def test_convolutions_and_attention_with_its_perceptron_are_blocks(context: Around) -> None:
    image = """
        a = Conv<pads=[1,1,1,1]>(x, w_2x2x3x3) b = Relu(a) c = Conv(b, w_2x2x1x1, b_2)
        d = Add(c, x) e = Relu(d) f = Conv(e, w_1x2x1x1) g = Add(e, f)
        h = Conv(g, u_2x2x1x1) z = Add(h, g) y = Conv(z, o_2x2x1x1)
    """
    model = text_net("float[N,2,4,4] x", "float[N,2,4,4] y", image)
    blocks, _ = residual_blocks(Checkpoint(model), (), 0)
    assert [block.layers for block in blocks] == [
        ("w_2x2x3x3", "w_2x2x1x1"), ("w_1x2x1x1",), ("u_2x2x1x1",),
    ]  # fmt: skip
    layer = f"{APART.replace('y = Add(x, oa)', 'z = Add(x, oa)')} h = MatMul(z, w_6x9)"
    layer += " r = Gelu(h) d = MatMul(r, w_9x6) y = Add(z, d)"
    model = text_net(TOKENS, SAME, layer, opset=20)
    blocks, _ = residual_blocks(Checkpoint(model), (), 0)
    assert [block.layers for block in blocks] == [
        ("q_6x6", "k_6x6", "v_6x12", "o_12x6"), ("w_6x9", "w_9x6"),
    ]  # fmt: skip


def test_a_sum_that_is_broadcast_or_has_no_layer_is_no_block() -> None:
    wide = "m = ReduceMean(x, i_0) f = MatMul(x, w_2x2) y = Add(m, f)"
    cubed = "c = Pow(x, three) t = Mul(c, x) y = Add(x, t)"
    side = "f = MatMul(x, w_2x2) g = MatMul(x, u_2x2) y = Add(f, g)"
    up = "f = MatMul(x, w_2x2) u = Unsqueeze(f, i_1) y = Add(x, u)"
    for body, outputs in ((wide, ANSWER), (cubed, ANSWER), (side, ANSWER),
                          (up, "float[a,b,c] y")):  # fmt: skip
        model = text_net(NUMBERS, outputs, body, three=np.float32(3))
        assert residual_blocks(Checkpoint(model), (), 0) == ([], [])


def test_blocks_inside_a_block_go_with_it(context: Around) -> None:
    body = """
        f = MatMul(x, a) g = MatMul(f, b) h = Add(f, g) k = MatMul(h, c) y = Add(x, k)
    """
    model = text_net(NUMBERS, ANSWER, body, a=times(0.01), b=times(9), c=times(0.01))
    before = Checkpoint(model)
    outcome = prune_blocks(before, PruneBlocks(remove=1), looking(context, before))
    assert outcome.facts["removed"] == "b"  # 0.0009 of x, and the whole block 0.001
    with pytest.raises(BudgetUnreachable, match="remove 3 cannot be reached: 2 blocks can go"):
        prune_blocks(before, PruneBlocks(remove=3), looking(context, before))
    far = Checkpoint(text_net(NUMBERS, ANSWER, body, a=times(1), b=times(-2), c=times(0.01)))
    with pytest.raises(BudgetUnreachable, match="1 blocks are all that can go"):
        prune_blocks(far, PruneBlocks(remove=2), looking(context, far))


def test_what_cannot_be_done_is_refused(context: Around) -> None:
    before = row(times(1), times(2), times(3))
    around = looking(context, before)
    with pytest.raises(StepImpossible, match="looks at inputs; give"):
        prune_blocks(before, PruneBlocks(remove=1), context(before.model))
    with pytest.raises(UnknownLayer, match="no layer 'nowhere'"):
        prune_blocks(before, PruneBlocks(remove=1, protect=("nowhere",)), around)
    held = replace(before, traits=dict.fromkeys("abc", Trait(sparse=True)))
    with pytest.raises(StepImpossible, match=r"the block of a \(an earlier step has worked"):
        prune_blocks(held, PruneBlocks(remove=1), around)
    some = PruneBlocks(keep_macs=0.5, protect=("a", "b"))
    with pytest.raises(BudgetUnreachable, match=r"keep_macs 0.5 .* 1 blocks 0.6667 is left"):
        prune_blocks(before, some, around)
    plain = Checkpoint(text_net(NUMBERS, ANSWER, "y = MatMul(x, w_2x2)"))
    with pytest.raises(
        StepImpossible, match=r"no residual blocks .* same shape; leave this step out, or"
    ):
        prune_blocks(plain, PruneBlocks(remove=1), looking(context, plain))
