"""Which heads are found and cut, whoever wrote the attention."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.errors import UnknownLayer
from tests.unit.worker.engine.prune.heads.attentions import APART, FORMS, SAME, TOKENS, twice
from tests.unit.worker.engine.prune.reading import arrays
from tests.unit.worker.engine.prune.text_net import text_net
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.prune.along.narrower import narrower
from worker.engine.prune.heads.find import attention_heads
from worker.engine.session import open_session, run

X = np.random.default_rng(4).normal(size=(3, 5, 6)).astype(np.float32)
GONE = {  # what each tensor is in the end, 3 heads having become 2
    "apart": {"q_6x6": (6, 4), "k_6x6": (6, 4), "v_6x12": (6, 8), "o_12x6": (8, 6),
              "b_6_1": (4,), "b_12": (8,), "b_6": (6,)},
    "fused": {"w_6x24": (6, 16), "o_12x6": (8, 6), "mask_5x5": (5, 5)},
    "stacked": {"w_6x36": (6, 24), "o_12x6": (8, 6), "place_3x5x5": (2, 5, 5)},
    "flattened": {"q_6x6": (4, 6), "k_6x6": (6, 4), "v_6x12": (6, 8), "o_6x12": (6, 8),
                  "b_6": (4,)},
}  # fmt: skip


def answer(model: onnx.ModelProto) -> NDArray[np.float32]:
    return np.asarray(run(open_session(model), {"x": X})["y"], np.float32)


def without(model: onnx.ModelProto, folder: Path, *kept: bool) -> onnx.ModelProto:
    """The first attention of `model` with the heads `kept`."""
    group = attention_heads(model, ()).groups[0]
    context = Context(io=io_spec(model), folder=folder)
    done = narrower(Checkpoint(model), [group], [np.array(kept)], context)
    onnx.checker.check_model(done.model, full_check=True)
    return done.model


@pytest.mark.parametrize("form", FORMS)
def test_a_head_that_adds_nothing_goes_and_the_answer_stays(form: str, tmp_path: Path) -> None:
    scalars = {f"i{k}": np.array(k) for k in range(3)}
    model = text_net(TOKENS, SAME, FORMS[form], **scalars)
    unheard = arrays(model)
    for name, axis in (("o_12x6", 0), ("o_6x12", 1)):
        if name in unheard:
            unheard[name] = unheard[name].copy()
            np.moveaxis(unheard[name], axis, 0)[4:8] = 0  # what reads the second head
    model = text_net(TOKENS, SAME, FORMS[form], **unheard)
    small = without(model, tmp_path, True, False, True)
    left = arrays(small)
    assert {name: left[name].shape for name in GONE[form]} == GONE[form]
    assert np.allclose(answer(small), answer(model), rtol=1e-5, atol=1e-5)
    other = without(model, tmp_path, True, True, False)
    assert not np.allclose(answer(other), answer(model), rtol=1e-2, atol=1e-2)


def test_the_numbers_of_the_other_heads_stay_as_they_are(tmp_path: Path) -> None:
    model = text_net(TOKENS, SAME, APART)
    before, left = arrays(model), arrays(without(model, tmp_path, False, True, True))
    assert np.array_equal(left["q_6x6"], before["q_6x6"][:, 2:])
    assert np.array_equal(left["b_12"], before["b_12"][4:])
    assert np.array_equal(left["o_12x6"], before["o_12x6"][4:])


GROUPED = """
    qm = MatMul(x, q_6x8) qr = Reshape(qm, i_0_0_4_2) q = Transpose<perm=[0,2,1,3]>(qr)
    km = MatMul(x, k_6x4) kr = Reshape(km, i_0_0_2_1_2) ke = Expand(kr, i_1_1_1_2_1)
    kf = Reshape(ke, i_0_0_4_2) kt = Transpose<perm=[0,2,3,1]>(kf)
    vm = MatMul(x, v_6x6) vr = Reshape(vm, i_0_0_2_1_3) ve = Expand(vr, i_1_5_2_2_3)
    vf = Reshape(ve, i_0_0_4_3) v = Transpose<perm=[0,2,1,3]>(vf)
    s = MatMul(q, kt) p = Softmax(s) o = MatMul(p, v)
    ot = Transpose<perm=[0,2,1,3]>(o) oc = Reshape(ot, i_0_0_12) y = MatMul(oc, o_12x6)
"""
OPERATOR = """
    q = MatMul(x, q_6x12) k = MatMul(x, k_6x4) v = MatMul(x, v_6x6)
    sh = Shape<end=2>(x) places = Expand(i_0_1_2_3_4, sh)
    qt = RotaryEmbedding<num_heads=6>(q, c_9x1, s_9x1, places)
    kt = RotaryEmbedding<num_heads=2>(k, c_9x1, s_9x1, places)
    a = Attention<q_num_heads=6, kv_num_heads=2, is_causal=1>(qt, kt, v)
    y = MatMul(a, o_18x6)
"""


def test_heads_that_share_keys_and_values_go_together(tmp_path: Path) -> None:
    model = text_net(TOKENS, SAME, GROUPED)
    (group,) = attention_heads(model, ()).groups
    assert (group.name, group.units) == ("o_12x6", 2)
    left = arrays(without(model, tmp_path, True, False))
    shapes = [left[n].shape for n in ("q_6x8", "k_6x4", "v_6x6", "o_12x6")]
    assert shapes == [(6, 4), (6, 2), (6, 3), (6, 6)]


def test_the_operator_attention_says_how_many_heads_are_left(tmp_path: Path) -> None:
    small = without(text_net(TOKENS, SAME, OPERATOR, 23), tmp_path, False, True)
    left = arrays(small)
    shapes = [left[n].shape for n in ("q_6x12", "k_6x4", "v_6x6", "o_18x6")]
    assert shapes == [(6, 6), (6, 2), (6, 3), (9, 6)]
    said = {a.name: a.i for node in small.graph.node for a in node.attribute}
    assert {n: said[n] for n in ("q_num_heads", "kv_num_heads", "num_heads")} == {
        "q_num_heads": 3, "kv_num_heads": 1, "num_heads": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (APART.replace("i_0_0_3_m1", "i_0_0_1_m1").replace("i_0_0_m1_2", "i_0_0_1_m1")
         .replace("i_0_0_3_4", "i_0_0_1_m1"), "it has one head"),
        ("k = Transpose<perm=[0,2,1]>(x) s = MatMul(x, k) p = Softmax(s) y = MatMul(p, x)",
         "no axis of heads"),
        (APART.replace("om = MatMul(oc", "on = LayerNormalization(oc, s_12) om = MatMul(on"),
         "LayerNormalization"),
        (APART.replace("om = MatMul(oc", "on = CumSum(oc, i_2) om = MatMul(on"),
         "CumSum is on their way"),
        (APART.replace("v = Transpose<perm=[0,2,1,3]>(vr)", "vs = Softmax<axis=2>(vr)"
         " v = Transpose<perm=[0,2,1,3]>(vs)"), "Softmax compares them"),
    ],
)  # fmt: skip
def test_heads_that_cannot_be_cut_apart_are_left_alone(body: str, reason: str) -> None:
    found = attention_heads(text_net(TOKENS, SAME, body), ())
    assert not found.groups
    assert any(reason in alone.reason for alone in found.alone)


def test_scores_that_are_an_output_keep_their_heads() -> None:
    model = text_net(TOKENS, f"{SAME}, float[N,3,5,5] p", APART)
    assert "model output" in attention_heads(model, ()).alone[0].reason


def test_a_convolution_with_softmax_has_no_heads() -> None:
    body = "c = Conv(x, w_4x3x1x1) y = Softmax<axis=1>(c)"
    found = attention_heads(text_net("float[N,3,5,5] x", "float[N,4,5,5] y", body), ())
    assert not found.groups


def test_protected_layers_keep_their_heads_whichever_of_them_is_named() -> None:
    model = text_net(TOKENS, SAME, APART)
    for layer in ("q_6x6", "v_6x12", "o_12x6"):
        found = attention_heads(model, (layer,))
        assert [(a.path, a.reason) for a in found.alone] == [("o_12x6", "it is protected")]
    with pytest.raises(UnknownLayer, match="no layer 'nowhere'"):
        attention_heads(model, ("nowhere",))


def test_layers_that_share_their_weights_lose_the_same_heads(tmp_path: Path) -> None:
    model = twice(text_net(TOKENS, SAME, APART), shared=True)
    assert len(attention_heads(model, ()).groups) == 1
    small = without(model, tmp_path, True, False, False)
    assert arrays(small)["o_12x6"].shape == (4, 6)
