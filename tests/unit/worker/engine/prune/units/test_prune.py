"""prune.units from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.prune import PruneUnits
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.reading import arrays
from tests.unit.worker.engine.prune.text_net import text_net
from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.prune.along.importance import magnitude
from worker.engine.prune.along.loudness import loudness
from worker.engine.prune.along.mask_gradient import mask_gradients
from worker.engine.prune.evidence import Labelled, Unlabelled
from worker.engine.prune.units.find import hidden_units
from worker.engine.prune.units.prune import prune_units
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run
from worker.engine.train.objective import objective

Around = Callable[[onnx.ModelProto], Context]
STEPS, SCORES = "float[N,7,2] x", "float[N,5] y"
X = np.random.default_rng(8).normal(size=(4, 7, 2)).astype(np.float32)
LAST = "s = Squeeze(h, i_0) y = Gemm(s, o_3x5, b_5)"
NETS = {
    "lstm": f"""a = Transpose<perm=[1,0,2]>(x)
        o, h, c = LSTM<hidden_size=3>(a, w_1x12x2, r_1x12x3, b_1x24, , , , p_1x9) {LAST}""",
    "gru": f"""a = Transpose<perm=[1,0,2]>(x)
        o, h = GRU<hidden_size=3, linear_before_reset=1>(a, w_1x9x2, r_1x9x3, b_1x18) {LAST}""",
    "rnn": f"""a = Transpose<perm=[1,0,2]>(x)
        o, h = RNN<hidden_size=3>(a, w_1x3x2, r_1x3x3, b_1x6) {LAST}""",
    "with states": f"""a = Transpose<perm=[1,0,2]>(x) n = Shape<start=0, end=1>(x)
        d = Concat<axis=0>(i_1, n, i_1) h0 = Expand(h_1x1x3, d) c0 = Expand(c_1x1x3, d)
        o, h, c = LSTM<hidden_size=3>(a, w_1x12x2, r_1x12x3, , , h0, c0) {LAST}""",
}
SHAPES = {  # 3 units having become 2
    "lstm": {"w_1x12x2": (1, 8, 2), "r_1x12x3": (1, 8, 2), "b_1x24": (1, 16),
             "p_1x9": (1, 6), "o_3x5": (2, 5)},
    "gru": {"w_1x9x2": (1, 6, 2), "r_1x9x3": (1, 6, 2), "b_1x18": (1, 12), "o_3x5": (2, 5)},
    "rnn": {"w_1x3x2": (1, 2, 2), "r_1x3x3": (1, 2, 2), "b_1x6": (1, 4), "o_3x5": (2, 5)},
    "with states": {"w_1x12x2": (1, 8, 2), "h_1x1x3": (1, 1, 2), "c_1x1x3": (1, 1, 2)},
}  # fmt: skip


def answer(model: onnx.ModelProto, **more: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.asarray(run(open_session(model), {"x": X, **more})["y"], np.float32)


def copies(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    return {name: values.copy() for name, values in arrays(model).items()}


@pytest.mark.parametrize("name", NETS)
def test_a_unit_that_nothing_reads_goes_and_the_answer_stays(
    name: str, context: Around
) -> None:
    tensors = copies(text_net(STEPS, SCORES, NETS[name]))
    recurrent = next(a for n, a in tensors.items() if n.startswith("r_"))
    recurrent[:, :, 1] = 0
    tensors["o_3x5"][1] = 0
    model = text_net(STEPS, SCORES, NETS[name], **tensors)
    around = replace(context(model), calibration=Points(X))
    spec = PruneUnits(keep_units=0.7, criterion="output")
    outcome = prune_units(Checkpoint(model), spec, around)
    left = arrays(outcome.checkpoint.model)
    assert {n: left[n].shape for n in SHAPES[name]} == SHAPES[name]
    assert np.array_equal(left["o_3x5"], tensors["o_3x5"][[0, 2]])
    assert np.allclose(answer(outcome.checkpoint.model), answer(model), rtol=1e-5, atol=1e-6)
    assert (outcome.facts["units_before"], outcome.facts["units_after"]) == (3, 2)
    said = [a for n in outcome.checkpoint.model.graph.node for a in n.attribute]
    assert [a.i for a in said if a.name == "hidden_size"] == [2]


BOTH_WAYS = """
    a = Transpose<perm=[1,0,2]>(x)
    o, h = GRU<hidden_size=3, direction="bidirectional">(a, w_2x9x2, r_2x9x3, b_2x18, lengths)
    t = Transpose<perm=[0,2,1,3]>(o) m = Reshape(t, i_0_0_6)
    n, l, k = LSTM<hidden_size=4>(m, w_1x16x6, r_1x16x4, , lengths) u = Tanh(l)
    s = Squeeze(u, i_0) y = MatMul(s, o_4x5)
"""


def test_columns_of_the_next_layer_go_with_the_units_of_both_directions(
    context: Around,
) -> None:
    inputs = f"{STEPS}, int32[N] lengths"
    tensors = copies(text_net(inputs, SCORES, BOTH_WAYS))
    tensors["w_1x16x6"][..., [2, 5]] = 0  # the last unit of either direction
    tensors["r_2x9x3"][..., 2] = 0
    model = text_net(inputs, SCORES, BOTH_WAYS, **tensors)
    spec = PruneUnits(keep_units=0.7, scope="layer", protect=("w_1x16x6",))
    with pytest.raises(StepImpossible, match="no units that can go; left alone: w_2x9x2"):
        prune_units(Checkpoint(model), spec, context(model))  # it reads the first layer
    tensors["w_1x16x6"][:, [1, 5, 9, 13]] *= 0.01  # the second unit of the second layer
    tensors["r_1x16x4"][:, [1, 5, 9, 13]] *= 0.01
    tensors["r_1x16x4"][..., 1] = 0
    tensors["o_4x5"][1] = 0
    model = text_net(inputs, SCORES, BOTH_WAYS, **tensors)
    free = PruneUnits(keep_units=0.8, scope="layer")
    outcome = prune_units(Checkpoint(model), free, context(model))
    left = arrays(outcome.checkpoint.model)
    assert outcome.facts["by_layer"] == "w_2x9x2 2 of 3, w_1x16x6 3 of 4"
    assert np.array_equal(
        left["w_1x16x6"],
        tensors["w_1x16x6"][:, [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]][..., [0, 1, 3, 4]],
    )
    assert left["r_2x9x3"].shape == (2, 6, 2)
    lengths = np.int32([7, 3, 1, 5])
    small = outcome.checkpoint.model
    assert np.allclose(
        answer(small, lengths=lengths), answer(model, lengths=lengths), atol=1e-5
    )


# y_t = h_t o, h_t = u_t + R h_{t-1} of two units, no squashing: an RNN of identities
LINEAR = """
    a = Transpose<perm=[1,0,2]>(x)
    o, h = RNN<hidden_size=2, activations=["Affine"], activation_alpha=[1.0]>(a, w, r)
    s = Squeeze(h, i_0) y = MatMul(s, out)
"""


def linear(out: list[float], r: list[list[float]]) -> onnx.ModelProto:
    return text_net(
        "float[N,2,1] x", "float[N,1] y", LINEAR, w=np.float32([[[2], [3]]]),
        r=np.float32([r]), out=np.float32(out)[:, None],
    )  # fmt: skip


def test_what_a_unit_adds_counts_where_it_is_read_and_where_it_is_remembered(
    context: Around,
) -> None:
    # x = 1, 0: first states 2 and 3, last states 0.5 * 3 and 0.9 * 2, as each feeds the other
    model = linear([1, 0.5], [[0, 0.5], [0.9, 0]])
    around = replace(context(model), calibration=Points(np.float32([[[1], [0]]])))
    spec = PruneUnits(keep_units=0.5, criterion="output")
    # heard at the end 1.5 * 1 and 1.8 * 0.5, in between 2 * 0.9 and 3 * 0.5:
    # sqrt(2.25 + 3.24) is above sqrt(0.81 + 2.25)
    done = prune_units(Checkpoint(model), spec, around).checkpoint.model
    assert arrays(done)["w"].tolist() == [[[2]]]
    assert arrays(done)["r"].tolist() == [[[0]]]
    before = Checkpoint(model)
    shown = Unlabelled.of(9, before, around)
    (scores,) = loudness(before, hidden_units(model, ()).groups, shown, around)
    assert scores == pytest.approx([5.49**0.5, 3.06**0.5])
    # with the first unit less read at the end: sqrt(0.01 + 3.24) against sqrt(1.8 ** 2 + 2.25)
    other = linear([0.066, 1], [[0, 0.5], [0.9, 0]])
    done = prune_units(Checkpoint(other), spec, around).checkpoint.model
    assert arrays(done)["w"].tolist() == [[[3]]]


def test_all_rows_and_columns_of_a_unit_are_weighed(context: Around) -> None:
    # unit 0: 2, out 1, r column 0 and row 0: 4 + 1 + 9 + 0; unit 1: 9 + 1 + 0 + 9
    model = linear([1, 1], [[0, 0], [3, 0]])
    done = prune_units(Checkpoint(model), PruneUnits(keep_units=0.5), context(model))
    assert arrays(done.checkpoint.model)["w"].tolist() == [[[3]]]
    (scores,) = magnitude(model, hidden_units(model, ()).groups)
    assert scores == pytest.approx([14**0.5, 19**0.5])
    # 4 + 25 + 9 against 9 + 1 + 9
    model = linear([5, 1], [[0, 0], [3, 0]])
    done = prune_units(Checkpoint(model), PruneUnits(keep_units=0.5), context(model))
    assert arrays(done.checkpoint.model)["w"].tolist() == [[[2]]]


def test_a_unit_matters_as_much_as_the_loss_changes_with_its_mask(context: Around) -> None:
    # R = 0: y is the last input times (2 o_0, 3 o_1), whose slopes 2 * 4 and 3 * 2 are felt
    model = linear([4, -2], [[0, 0], [0, 0]])
    x = np.float32([[[9], [1]], [[9], [-1]]])
    y = np.float32([[2], [-2]]) - np.float32([[5], [-5]])
    task = Task(kind="regression")
    around = replace(context(model), task=task, train=Points(x, y))
    spec = PruneUnits(keep_units=0.5, criterion="gradient")
    done = prune_units(Checkpoint(model), spec, around).checkpoint.model
    assert arrays(done)["w"].tolist() == [[[2]]]
    labelled = Labelled.of(objective(task, around.io, model), 9, around)
    (scores,) = mask_gradients(model, hidden_units(model, ()).groups, labelled, around)
    assert scores == pytest.approx([0.8, 0.6])  # 8 and 6, as a layer's scores have norm 1


def test_steps_of_columns_go_with_their_units_and_counts_become_multiples(
    context: Around,
) -> None:
    body = """a = Transpose<perm=[1,0,2]>(x)
        o, h, c = LSTM<hidden_size=5>(a, w_1x20x2, r_1x20x5) s = Squeeze(h, i_0)
        y = Gemm<transB=1>(s, o_4x5)"""
    tensors = copies(text_net(STEPS, "float[N,4] y", body))
    tensors["o_4x5"] = np.float32([[8, 1, 9, 2, 3]]).repeat(4, axis=0)
    tensors["r_1x20x5"] *= 0
    tensors["w_1x20x2"] = tensors["w_1x20x2"] * 0 + 1
    model = text_net(STEPS, "float[N,4] y", body, **tensors)
    steps = Multiples((1.0, 0.5, 0.25, 0.125, 0.0625), 1, 144)
    before = Checkpoint(model, {"o_4x5": Trait(multiples=steps)})
    spec = PruneUnits(keep_units=0.8, round_to=2)  # 4 of 5
    outcome = prune_units(before, spec, context(model))
    check_kept(before, outcome.checkpoint)
    kept = outcome.checkpoint.traits["o_4x5"].multiples
    assert kept == Multiples((1.0, 0.25, 0.125, 0.0625), 1, 144)
    spec = PruneUnits(keep_units=0.7, round_to=2)  # 3.5: so 2
    outcome = prune_units(before, spec, context(model))
    assert arrays(outcome.checkpoint.model)["o_4x5"][0].tolist() == [8, 9]
    with pytest.raises(BudgetUnreachable, match=r"keep_units 0.3 .* each layer keeps 2"):
        prune_units(before, PruneUnits(keep_units=0.3, round_to=2), context(model))


def test_parts_that_were_equal_are_told_apart_once_they_are_not(context: Around) -> None:
    body = f"""{GRU} s = Squeeze(h, i_0) z = MatMul(s, e_3x3) c = Concat<axis=1>(s, z)
        l, r = Split<axis=1, num_outputs=2>(c) m = MatMul(l, o_3x5) n = MatMul(r, u_3x5)
        y = Add(m, n)"""
    model = text_net("float[7,4,2] x", "float[4,5] y", body)
    outcome = prune_units(Checkpoint(model), PruneUnits(keep_units=0.7), context(model))
    left = arrays(outcome.checkpoint.model)
    assert (left["o_3x5"].shape, left["u_3x5"].shape) == ((2, 5), (3, 5))
    assert left["l.sizes"].tolist() == [2, 3]


GRU = "o, h = GRU<hidden_size=3>(x, w_1x9x2, r_1x9x3) "


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"{GRU} y = Squeeze(h, i_0)", "model output"),
        (f"{GRU} s = Squeeze(h, i_0) p = Softmax(s) y = MatMul(p, o_3x3)", "compares them"),
        (f"{GRU} s = Squeeze(h, i_0) p = ReduceSum(s, i_1) y = MatMul(p, o_1x3)", "adds them"),
        (f"{GRU} t = Transpose<perm=[0,2,1]>(h) m = MatMul(h, t) y = Squeeze(m, i_0)",
         "without a weight"),
        (GRU.replace("w_1x9x2", "w").replace("o,", "w = Abs(w_1x9x2) o,")
         + "s = Squeeze(h, i_0) y = MatMul(s, o_3x3)", "weights of the GRU are computed"),
        ("o, h = GRU<hidden_size=1>(x, w_1x3x2, r_1x3x1) y = Squeeze(h, i_0)", "one unit"),
    ],
)  # fmt: skip
def test_units_that_cannot_be_cut_are_left_alone(
    body: str, reason: str, context: Around
) -> None:
    model = text_net("float[7,4,2] x", "float[4,k] y", body)
    with pytest.raises(StepImpossible, match=f"no units that can go; left alone: .*{reason}"):
        prune_units(Checkpoint(model), PruneUnits(keep_units=0.5), context(model))


def test_what_is_asked_must_be_there(context: Around) -> None:
    model = linear([1, 1], [[0, 0], [0, 0]])
    with pytest.raises(UnknownLayer, match="no layer 'nowhere'"):
        prune_units(
            Checkpoint(model), PruneUnits(keep_units=0.5, protect=("nowhere",)), context(model)
        )
    with pytest.raises(StepImpossible, match="looks at inputs; give"):
        prune_units(
            Checkpoint(model), PruneUnits(keep_units=0.5, criterion="output"), context(model)
        )
    plain = text_net("float[N,2] x", "float[N,3] y", "y = MatMul(x, w_2x3)")
    with pytest.raises(
        StepImpossible, match=r"the model has no units that can go; leave this step out, or"
    ):
        prune_units(Checkpoint(plain), PruneUnits(keep_units=0.5), context(plain))
