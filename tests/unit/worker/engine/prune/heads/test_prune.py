"""prune.heads from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from lathe.errors import BudgetUnreachable, StepImpossible
from lathe.task import Task
from lathe.techniques.prune import PruneHeads
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.heads.attentions import APART, SAME, TOKENS, twice
from tests.unit.worker.engine.prune.reading import arrays
from tests.unit.worker.engine.prune.text_net import text_net
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.prune.heads.prune import prune_heads
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run

Around = Callable[[onnx.ModelProto], Context]
X = np.random.default_rng(8).normal(size=(4, 5, 6)).astype(np.float32)
# values only: two heads of 1 number each read the same scores, and x is (n, 2, 1)
PAIR = """
    qm = MatMul(x, q_1x2) qr = Reshape(qm, i_0_0_2_1) q = Transpose<perm=[0,2,1,3]>(qr)
    kt = Transpose<perm=[0,2,3,1]>(qr) s = MatMul(q, kt) p = Softmax(s)
    vm = MatMul(x, v) vr = Reshape(vm, i_0_0_2_1) v4 = Transpose<perm=[0,2,1,3]>(vr)
    h = MatMul(p, v4) ht = Transpose<perm=[0,2,1,3]>(h) hr = Reshape(ht, i_0_0_2)
    y = MatMul(hr, o)
"""


def ones(*shape: int) -> NDArray[np.float32]:
    return np.ones(shape, np.float32)


@pytest.fixture
def model() -> onnx.ModelProto:
    """Heads whose weights have l2 norms in the order 2, 0, 1."""
    sizes = np.repeat(np.float32([[2], [3], [1]]), 4, axis=0)
    return text_net(
        TOKENS, SAME, APART,
        q_6x6=ones(6, 6), k_6x6=ones(6, 6), v_6x12=ones(6, 12), o_12x6=sizes * ones(12, 6),
    )  # fmt: skip


def pair() -> onnx.ModelProto:
    """All scores are equal, so each head answers the mean of its values over two tokens."""
    return text_net(
        "float[N,2,1] x", "float[N,2,1] y", PAIR, q_1x2=np.zeros((1, 2), np.float32),
        v=np.float32([[4, 1]]), o=np.float32([[-1], [3]]),
    )  # fmt: skip


def test_the_heads_with_the_smallest_weights_go(
    model: onnx.ModelProto, context: Around
) -> None:
    before = Checkpoint(model)
    outcome = prune_heads(before, PruneHeads(keep_heads=0.4), context(model))
    left = arrays(outcome.checkpoint.model)
    assert (left["o_12x6"] == 3).all()
    assert left["o_12x6"].shape == (4, 6)
    assert np.array_equal(left["b_12"], arrays(model)["b_12"][4:8])
    facts = outcome.facts
    assert (facts["heads_before"], facts["heads_after"]) == (3, 1)
    assert facts["by_layer"] == "o_12x6 1 of 3"
    # of 36 + 36 + 72 + 72 weights and 6 + 12 + 6 biases a third of all but the last 6 stays
    assert facts["parameters_after"] == (36 + 36 + 72 + 72 + 6 + 12) // 3 + 6
    # products of x (5, 6) with 6 + 6 + 12 columns, of 12 rows with 6, and 3 heads (5, 5, 2 + 4)
    assert facts["macs_before"] == 5 * 6 * 24 + 5 * 12 * 6 + 3 * 25 * 6
    assert facts["macs_after"] == 5 * 6 * 8 + 5 * 4 * 6 + 25 * 6
    assert outcome.checkpoint.traits == {
        "q_6x6": Trait(channels=2), "k_6x6": Trait(channels=2), "v_6x12": Trait(channels=4),
    }  # fmt: skip
    check_kept(outcome.checkpoint, outcome.checkpoint)
    assert run(open_session(outcome.checkpoint.model), {"x": X})["y"].shape == X.shape
    again = prune_heads(before, PruneHeads(keep_heads=0.4), context(model))
    assert again.checkpoint.model == outcome.checkpoint.model


def test_steps_of_columns_go_with_their_columns(
    model: onnx.ModelProto, context: Around
) -> None:
    of_columns = Multiples((1.0, 0.5, 0.25, 0.125, 2.0, 4.0), 1, 8)
    of_rows = Multiples(tuple(2.0**-k for k in range(12)), 0, 9000)
    traits = {
        "q_6x6": Trait(multiples=of_columns), "k_6x6": Trait(multiples=replace(of_columns)),
        "o_12x6": Trait(multiples=of_rows), "v_6x12": Trait(sparse=True),
    }  # fmt: skip
    before = Checkpoint(model, traits)
    outcome = prune_heads(before, PruneHeads(keep_heads=0.4), context(model))
    check_kept(before, outcome.checkpoint)
    left = outcome.checkpoint.traits
    assert left["q_6x6"].multiples == Multiples((0.25, 0.125), 1, 8)
    assert left["o_12x6"].multiples == Multiples(tuple(2.0**-k for k in range(4, 8)), 0, 9000)
    assert left["v_6x12"] == Trait(sparse=True, channels=4)


def test_a_head_adds_what_its_values_and_their_readers_make_of_the_input(
    context: Around,
) -> None:
    # on means m of two tokens head 0 adds 4 m (-1), head 1 adds m 3; by weights 17 against 10
    model = pair()
    around = replace(context(model), calibration=Points(np.float32([[[1], [2]], [[3], [0]]])))
    for criterion in ("output", "l2"):
        spec = PruneHeads(keep_heads=0.5, criterion=criterion)
        assert arrays(prune_heads(Checkpoint(model), spec, around).checkpoint.model)[
            "v"
        ].tolist() == [[4]]
    weak = text_net(
        "float[N,2,1] x", "float[N,2,1] y", PAIR, q_1x2=np.zeros((1, 2), np.float32),
        v=np.float32([[4, 1]]), o=np.float32([[-1], [4.1]]),
    )  # fmt: skip
    spec = PruneHeads(keep_heads=0.5, criterion="output")
    assert arrays(prune_heads(Checkpoint(weak), spec, around).checkpoint.model)[
        "v"
    ].tolist() == [[1]]


def test_a_head_matters_as_much_as_the_loss_changes_with_its_mask(context: Around) -> None:
    # y = -4 m + 3 m = -m on both tokens; targets make the errors e at the two tokens opposite
    # in the first example, so that the derivative of its loss by either mask is 0
    model = pair()
    x = np.float32([[[1], [2]], [[3], [1]]])
    means = x.mean(axis=1, keepdims=True)
    errors = np.float32([[[9], [-9]], [[1], [1]]])
    task = Task(kind="regression")
    around = replace(context(model), task=task, train=Points(x, -means - errors))
    spec = PruneHeads(keep_heads=0.5, criterion="gradient")
    done = prune_heads(Checkpoint(model), spec, around).checkpoint.model
    assert arrays(done)["v"].tolist() == [[4]]  # |e m 4| against |e m 3|


def test_either_all_layers_are_compared_or_each_keeps_as_many(
    model: onnx.ModelProto, context: Around
) -> None:
    model = twice(model, shared=False)
    small = next(t for t in model.graph.initializer if t.name == "o_12x6_again")
    weights = np.repeat(np.float32([[9], [1], [1]]), 4, axis=0) * np.ones((1, 6), np.float32)
    small.CopyFrom(numpy_helper.from_array(weights, small.name))
    layer = PruneHeads(keep_heads=0.67, scope="layer")
    outcome = prune_heads(Checkpoint(model), layer, context(model))
    assert outcome.facts["by_layer"] == "o_12x6 2 of 3, o_12x6_again 2 of 3"
    every = PruneHeads(keep_heads=0.67)  # 4 of 6 stay: one layer has two heads near nothing
    outcome = prune_heads(Checkpoint(model), every, context(model))
    assert outcome.facts["by_layer"] == "o_12x6 3 of 3, o_12x6_again 1 of 3"
    free = PruneHeads(keep_heads=0.67, protect=("o_12x6_again",))
    outcome = prune_heads(Checkpoint(model), free, context(model))
    assert outcome.facts["by_layer"] == "o_12x6 2 of 3"
    assert outcome.facts["left_alone"] == "o_12x6_again (it is protected)"


def test_what_cannot_be_done_is_refused(model: onnx.ModelProto, context: Around) -> None:
    around = context(model)
    with pytest.raises(BudgetUnreachable, match=r"keep_heads 0.3 .* 1 of the heads stay"):
        prune_heads(Checkpoint(model), PruneHeads(keep_heads=0.3), around)
    with pytest.raises(StepImpossible, match="looks at inputs; give"):
        prune_heads(Checkpoint(model), PruneHeads(keep_heads=0.5, criterion="output"), around)
    with pytest.raises(StepImpossible, match="no task"):
        prune_heads(Checkpoint(model), PruneHeads(keep_heads=0.5, criterion="gradient"), around)
    plain = text_net(TOKENS, SAME, "y = MatMul(x, w_6x6)")
    with pytest.raises(
        StepImpossible, match=r"the model has no heads that can go; leave this step out, or"
    ):
        prune_heads(Checkpoint(plain), PruneHeads(keep_heads=0.5), context(plain))
    whole = PruneHeads(keep_heads=0.5, protect=("q_6x6",))
    with pytest.raises(StepImpossible, match=r"left alone: o_12x6 \(it is protected\)"):
        prune_heads(Checkpoint(model), whole, around)
