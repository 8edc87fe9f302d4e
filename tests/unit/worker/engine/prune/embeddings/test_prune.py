"""prune.embeddings from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import BudgetUnreachable, StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.prune import PruneEmbeddings
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.reading import arrays
from tests.unit.worker.engine.prune.text_net import text_net
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.prune.along.loudness import loudness
from worker.engine.prune.along.mask_gradient import mask_gradients
from worker.engine.prune.embeddings.find import embedding_widths
from worker.engine.prune.embeddings.prune import prune_embeddings
from worker.engine.prune.evidence import Labelled, Unlabelled
from worker.engine.session import open_session, run
from worker.engine.train.objective import objective

Around = Callable[[onnx.ModelProto], Context]
Floats = NDArray[np.float32]
IDS, SCORE = "int64[N] x", "float[N,k] y"
TABLE = np.float32([[2, 0.5, 4], [8, -0.5, 2]])  # the second dimension is the least
OUT = np.float32([[3], [0.25], [2]])


def done(model: onnx.ModelProto, context: Context, **fields: object) -> Outcome:
    spec = PruneEmbeddings.model_validate({"keep_width": 0.67, **fields})
    return prune_embeddings(Checkpoint(model), spec, context)


def answer(model: onnx.ModelProto, *ids: list[int] | list[list[int]]) -> list[float]:
    names = [value.name for value in model.graph.input]
    inputs = {name: np.array(of, np.int64) for name, of in zip(names, ids, strict=True)}
    return np.ravel(run(open_session(model), inputs)["y"]).tolist()


def test_a_normalisation_goes_over_the_dimensions_that_are_left(context: Around) -> None:
    model = text_net(
        IDS, SCORE,
        "e = Gather(t, x) n = LayerNormalization<epsilon=3.0>(e, g, b) y = MatMul(n, out)",
        t=TABLE, g=np.float32([2, 5, 6]), b=np.float32([3, 70, 10]), out=OUT,
    )  # fmt: skip
    outcome = done(model, context(model))
    small = outcome.checkpoint.model
    assert arrays(small)["t"].tolist() == [[2, 4], [8, 2]]
    assert arrays(small)["g"].tolist() == [2, 6]
    # of 2 and 4: mean 3, variance 1, root of 1 + 3 is 2; 2 (-1/2) + 3 and 6 / 2 + 10
    # of 8 and 2: mean 5, variance 9, root 12 ** 0.5
    second = 3 * (2 * 3 / 12**0.5 + 3) + 2 * (6 * -3 / 12**0.5 + 10)
    assert answer(small, [0, 1]) == pytest.approx([3 * 2 + 2 * 13, second])
    facts = outcome.facts
    assert (facts["dimensions_before"], facts["dimensions_after"]) == (3, 2)
    assert facts["by_layer"] == "t 2 of 3"
    assert facts["parameters_after"] == 2 * (2 + 1 + 1 + 1)


@pytest.mark.parametrize(
    "variance",
    [
        "q = ReduceSum(p, axis) v = Mul(q, half)",
        "q = ReduceSum(p, axis) v = Div(q, two)",
        "q = ReduceMean(p, axis) v = Mul(q, one_and_half)",
        "q = ReduceMean(p, axis) r = Mul(three, q) v = Div(r, two)",
    ],
)
def test_a_written_number_of_dimensions_follows(variance: str, context: Around) -> None:
    model = text_net(
        IDS, SCORE,
        f"""e = Gather(t, x) s = ReduceSum(e, axis) m = Mul(s, third) d = Sub(e, m)
        p = Mul(d, d) {variance} z = Add(v, two) w = Sqrt(z) n = Div(d, w) a = MatMul(n, out)
        o = Mul(a, three) y = Add(o, third)""",
        t=TABLE, out=OUT, axis=np.array([-1]), third=np.float32(1 / 3), half=np.float32([0.5]),
        two=np.float32(2), three=np.float32(3), one_and_half=np.float32(1.5),
    )  # fmt: skip
    small = done(model, context(model)).checkpoint.model
    # deviations -1 and 1 of 2 and 4, variance 2 / (2 - 1), root of 2 + 2; 3 (-1/2) + 2 / 2
    # deviations 3 and -3 of 8 and 2, variance 18, root of 20; 3 * 3 - 2 * 3
    wanted = [3 * -0.5 + 1 / 3, 3 * 3 / 20**0.5 + 1 / 3]
    assert answer(small, [0, 1]) == pytest.approx(wanted)


BERT = """
    w = Gather(word_9x6, x) k = Gather(kind_2x6, i_0_0_1_1_1) wk = Add(w, k)
    e = Add(where_1x5x6, wk) h = LayerNormalization<epsilon=0.01>(e, g_6, b_6)
    qm = MatMul(h, q_6x8) qr = Reshape(qm, i_0_0_2_4) q = Transpose<perm=[0,2,1,3]>(qr)
    km = MatMul(h, k_6x8) kr = Reshape(km, i_0_0_2_4) kt = Transpose<perm=[0,2,3,1]>(kr)
    vm = MatMul(h, v_6x8) vr = Reshape(vm, i_0_0_2_4) v = Transpose<perm=[0,2,1,3]>(vr)
    a = MatMul(q, kt) p = Softmax(a) c = MatMul(p, v) ct = Transpose<perm=[0,2,1,3]>(c)
    cm = Reshape(ct, i_0_0_8) o = MatMul(cm, o_8x6) ob = Add(o, ob_6) r = Add(h, ob)
    n = LayerNormalization(r, gg_6) f = MatMul(n, up_6x7) u = Relu(f) d = MatMul(u, down_7x6)
    l = Add(n, d) z = Gather<axis=1>(l, first) y = Gemm<transB=1>(z, classes_3x6)
"""
WORDS, CLASSES = "int64[N,5] x", "float[N,3] y"
ALONG = {
    0: ("q_6x8", "k_6x8", "v_6x8", "up_6x7", "g_6", "b_6", "gg_6", "ob_6"),
    1: ("word_9x6", "kind_2x6", "o_8x6", "down_7x6", "classes_3x6"),
    2: ("where_1x5x6",),
}
WIDE = {name: axis for axis, names in ALONG.items() for name in names}


@pytest.mark.parametrize("criterion", ["l2", "output", "gradient"])
def test_everything_on_the_residual_stream_becomes_narrower_alike(
    criterion: str, context: Around
) -> None:
    first = {"first": np.array(0)}
    drawn = arrays(text_net(WORDS, CLASSES, BERT, **first))
    tensors = {name: values.copy() for name, values in drawn.items()}
    for name, axis in WIDE.items():  # of the dimensions 1 and 4 nearly nothing is left
        np.moveaxis(tensors[name], axis, 0)[[1, 4]] *= 0.01
    model = text_net(WORDS, CLASSES, BERT, **tensors)
    ids = np.array([[1, 3, 8, 0, 2], [2, 2, 5, 7, 1]])
    shown = Points(ids, np.array([0, 2]))
    task = Task(kind="classification")
    around = replace(context(model), task=task, train=shown, calibration=shown)
    outcome = done(model, around, criterion=criterion)
    small = outcome.checkpoint.model
    cut = {name: np.take(tensors[name], [0, 2, 3, 5], axis) for name, axis in WIDE.items()}
    left = arrays(small)
    assert all(np.array_equal(left[name], values) for name, values in cut.items())
    by_hand = text_net(WORDS, CLASSES, BERT, **(tensors | cut))
    assert answer(small, ids.tolist()) == pytest.approx(answer(by_hand, ids.tolist()))
    assert outcome.facts["by_layer"] == "word_9x6 4 of 6"
    assert outcome.checkpoint.traits["o_8x6"].channels == 4


RECOMMENDER = """u = Gather(users_5x3, x) i = Gather(items_4x2, z)
    j = Concat<axis=1>(u, i) h = Gemm(j, w_5x6, b_6) r = Relu(h) y = MatMul(r, o_6x1)"""
PAIR = "int64[N] x, int64[N] z"


def test_tables_side_by_side_become_narrower_each_by_itself(context: Around) -> None:
    tensors = {n: a.copy() for n, a in arrays(text_net(PAIR, SCORE, RECOMMENDER)).items()}
    for rows in (0, 4):  # the first of the user, the second of the item
        tensors["w_5x6"][rows] = 0.01
    tensors["users_5x3"][:, 0] = 0.01
    tensors["items_4x2"][:, 1] = 0.01
    model = text_net(PAIR, SCORE, RECOMMENDER, **tensors)
    outcome = done(model, context(model), keep_width=0.6)
    left = arrays(outcome.checkpoint.model)
    assert outcome.facts["by_layer"] == "users_5x3 2 of 3, items_4x2 1 of 2"
    assert np.array_equal(left["users_5x3"], tensors["users_5x3"][:, 1:])
    assert np.array_equal(left["items_4x2"], tensors["items_4x2"][:, :1])
    assert np.array_equal(left["w_5x6"], tensors["w_5x6"][1:4])
    alone = done(model, context(model), keep_width=0.5, protect=["items_4x2"])
    assert alone.facts["by_layer"] == "users_5x3 1 of 3"
    assert alone.facts["left_alone"] == "items_4x2 (it is protected)"


USERS, ITEMS = np.float32([[4, 1, 6], [0, 9, 0]]), np.float32([[1, 3, 0.1], [9, 0, 0]])
PRODUCTS = {
    "a product and its sum": "p = Mul(a, b) y = ReduceSum(p, axis)",
    "rows by columns": """a3 = Unsqueeze(a, axis1) b3 = Unsqueeze(b, axis)
        m = MatMul(a3, b3) y = Squeeze(m, axis)""",
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_of_a_product_of_two_embeddings_a_term_goes(name: str, context: Around) -> None:
    body = f"a = Gather(u, x) b = Gather(i, z) {PRODUCTS[name]}"
    sizes = {"axis": np.array([-1]), "axis1": np.array([1])}
    model = text_net(PAIR, "float[N,1] y", body, u=USERS, i=ITEMS, **sizes)
    outcome = done(model, context(model))
    # squares of columns: 16 + 0 + 1 + 81, 1 + 81 + 9 + 0, 36 + 0 + 0.01 + 0
    assert arrays(outcome.checkpoint.model)["u"].tolist() == [[4, 1], [0, 9]]
    assert answer(outcome.checkpoint.model, [0, 1], [0, 0]) == [4 + 3, 27]
    around = replace(context(model), calibration=Points(np.array([0])))
    with pytest.raises(StepImpossible, match="output cannot look at what u adds; take another"):
        done(model, around, criterion="output")


def test_a_mask_of_a_term_is_one_of_either_factor(context: Around) -> None:
    body = """a = Gather(u, x) c = Gather(kind, x) d = Add(a, c) b = Gather(i, x)
        p = Mul(d, b) y = ReduceSum(p, axis)"""
    model = text_net(
        IDS, "float[N,1] y", body, u=np.float32([[3, 3], [9, 9]]), axis=np.array([1]),
        kind=np.float32([[1, -2], [0, 0]]), i=np.float32([[1, 3], [0, 0]]),
    )  # fmt: skip
    targets = np.float32([[7 - 5], [0 + 5]])  # the terms are 4 and 3, then 0 and 0
    task = Task(kind="regression")
    around = replace(context(model), task=task, train=Points(np.array([0, 1]), targets))
    labelled = Labelled.of(objective(task, around.io, model), 9, around)
    (scores,) = mask_gradients(model, embedding_widths(model, ()).groups, labelled, around)
    assert scores == pytest.approx([0.8, 0.6])


def test_what_is_heard_is_what_comes_out_of_a_normalisation(context: Around) -> None:
    body = "e = Gather(t, x) n = LayerNormalization<epsilon=3.0>(e, g, b) y = MatMul(n, out)"
    model = text_net(
        IDS, SCORE, body, t=np.float32([[2, 4]]), g=np.float32([2, 6]), b=np.float32([3, 10]),
        out=np.float32([[3], [2]]),
    )  # fmt: skip
    around = replace(context(model), calibration=Points(np.array([0])))
    before = Checkpoint(model)
    shown = Unlabelled.of(9, before, around)
    (scores,) = loudness(before, embedding_widths(model, ()).groups, shown, around)
    assert scores == pytest.approx([2 * 3, 13 * 2])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("y = Gather(t_9x3, x)", r"t_9x3 \(they are a model output"),
        ("e = Gather(t_9x3, x) y = LayerNormalization(e, g_3)", "a model output"),
        ("e = Gather(t_9x3, x) s = Softmax(e) y = MatMul(s, o_3x2)", "Softmax compares them"),
        ("e = Gather(t_9x1, x) y = MatMul(e, o_1x2)", "it has one dimension"),
        ("e = Gather(t_9x3, x) n = LayerNormalization<axis=0>(e, g_1x3) y = MatMul(n, o_3x2)",
         "normalises over other axes with them"),
        ("e = Gather(t_9x3, x) n = Hardmax(e) y = MatMul(n, o_3x2)", "Hardmax is on their way"),
    ],
)  # fmt: skip
def test_embeddings_whose_width_must_stay_are_named(
    body: str, reason: str, context: Around
) -> None:
    model = text_net("int64[1] x", SCORE, body)
    with pytest.raises(
        StepImpossible, match=f"no dimensions that can go; left alone: .*{reason}"
    ):
        done(model, context(model))


def test_what_is_asked_must_be_there(context: Around) -> None:
    model = text_net(PAIR, SCORE, RECOMMENDER)
    around = context(model)
    with pytest.raises(UnknownLayer, match="no layer 'nowhere'"):
        done(model, around, protect=["nowhere"])
    with pytest.raises(BudgetUnreachable, match=r"keep_width 0.3 .* 2 of the dimensions stay"):
        done(model, around, keep_width=0.3)
    with pytest.raises(StepImpossible, match="looks at inputs; give"):
        done(model, around, criterion="output")
    picks = text_net(IDS, "float[N,2] y", "e = Gather<axis=1>(t_2x9, x) y = Transpose(e)")
    with pytest.raises(
        StepImpossible,
        match=r"the model has no dimensions that can go; leave this step out, or",
    ):
        done(picks, context(picks))


def test_widths_become_multiples(context: Around) -> None:
    model = text_net(WORDS, CLASSES, BERT, first=np.array(0))
    outcome = done(model, context(model), keep_width=0.9, round_to=4)
    assert outcome.facts["by_layer"] == "word_9x6 4 of 6"
