"""Where units lie behind one operator, worked by hand."""

import numpy as np
import pytest

from tests.unit.worker.engine.prune.text_net import text_net
from worker.engine.prune.along.coupled import Along, NotCuttable
from worker.engine.prune.along.net import Net
from worker.engine.prune.along.rules import reshaped
from worker.engine.prune.along.walk import RULES
from worker.engine.prune.coupling import ELSEWHERE

THREE = np.arange(3)


@pytest.mark.parametrize(
    ("before", "after", "axis", "found"),
    [
        (("b", "t", 12), ("b", "t", 3, 4), 2, (2, [0, 1, 2])),  # heads come apart
        (("b", "t", 3, 4), ("b", "t", 12), 2, (2, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])),
        (("b", "t", 4, 3), ("b", "t", 12), 3, (2, [0, 1, 2] * 4)),
        (("b", "t", 24), ("b", "t", 2, 3, 4), 2, (3, [0, 1, 2])),  # two of what has heads
        ((1, 5, 6), (5, 6), 2, (1, [0, 0, 1, 1, 2, 2])),
        ((5, 3), ("b", 5, 3), 1, (2, [0, 1, 2])),
        (("b", 3, "t"), ("b", 3, 1, "t"), 1, (1, [0, 1, 2])),
        ((3, 3, 4), (3, 12), 1, (1, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])),
    ],
)
def test_units_keep_their_numbers_when_axes_are_joined_or_split(
    before: tuple[int | str, ...],
    after: tuple[int | str, ...],
    axis: int,
    found: tuple[int, list[int]],
) -> None:
    size = before[axis]
    assert isinstance(size, int)
    fours = np.repeat(THREE, 4)
    unit = {3: THREE, 6: np.repeat(THREE, 2), 12: fours, 24: np.tile(fours, 2)}[size]
    where, units = reshaped(before, after, axis, unit)
    assert (where, units.tolist()) == found


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (("b", 3, 4), ("n", 4), "unknown size"),  # with an axis that nobody knows
        ((5, 3, 4), (4, 3, 5), "several axes"),  # other rows than before
    ],
)
def test_units_that_a_reshape_mixes_are_not_followed(
    before: tuple[int | str, ...], after: tuple[int | str, ...], reason: str
) -> None:
    with pytest.raises(NotCuttable, match=reason):
        reshaped(before, after, 1, THREE)


def behind(body: str, value: str, axis: int) -> dict[str, tuple[int, list[int]]]:
    """Value -> axis and units of what the first node of `body` implies for the others, when
    three units lie along `axis` of `value`; x is (N, 3, 4)."""
    found = implied(body, Along(value, axis, THREE))
    return {a.value: (a.axis, a.unit.tolist()) for a in found if a.value != value}


def implied(body: str, along: Along) -> list[Along]:
    inputs = "float[N,3,4] x, float[N,2,4] z, int64[2] chosen"
    model = text_net(inputs, "int64[k] sizes", f"{body} sizes = Shape(y)", i0=np.array(0))
    node = model.graph.node[0]
    return list(RULES[node.op_type](node, along, Net(model)))


@pytest.mark.parametrize(
    ("body", "value", "axis", "found"),
    [
        ("y = Add(x, b_3x1)", "y", 1, {"x": 1, "b_3x1": 0}),
        ("y = Add(x, b_1x4)", "y", 1, {"x": 1}),
        ("y = Transpose<perm=[2,0,1]>(x)", "x", 1, {"y": 2}),
        ("y = Transpose<perm=[2,0,1]>(x)", "y", 2, {"x": 1}),
        ("y = Softmax(x)", "y", 1, {"x": 1}),
        ("y = LayerNormalization(x, s_4)", "x", 1, {"y": 1}),
        ("y = ReduceMean<keepdims=0>(x, i_0)", "x", 1, {"y": 0}),
        ("y = ReduceMean<keepdims=0>(x, i_0)", "y", 0, {"x": 1}),
        ("y = ReduceMax(x, i_m1)", "y", 1, {"x": 1}),
        ("y = Gather<axis=2>(x, chosen)", "x", 1, {"y": 1}),
        ("y = Gather<axis=0>(x, i0)", "y", 0, {"x": 1}),
        ("y = Gather<axis=0>(x, i0)", "x", 1, {"y": 0}),
        ("y = Slice(x, i_0, i_1, i_2)", "x", 1, {"y": 1}),
        ("y = Expand(x, i_2_1_3_4)", "y", 2, {"x": 1}),
        ("y = MatMul(x, w_4x5)", "y", 1, {"x": 1}),
        ("y = MatMul(w_5x3, x)", "x", 1, {"w_5x3": 1}),
        ("y = MatMul(w_3x5x3, x)", "w_3x5x3", 0, {"y": 0}),
    ],
)
def test_an_axis_goes_to_where_its_numbers_go(
    body: str, value: str, axis: int, found: dict[str, int]
) -> None:
    assert behind(body, value, axis) == {v: (place, [0, 1, 2]) for v, place in found.items()}


def test_parts_that_are_joined_are_each_some_of_the_positions() -> None:
    other = [ELSEWHERE, ELSEWHERE]
    assert behind("y = Concat<axis=1>(z, x)", "x", 1) == {"y": (1, [*other, 0, 1, 2])}
    assert behind("y = Concat<axis=1>(x, z)", "x", 1) == {"y": (1, [0, 1, 2, *other])}
    assert behind("y, rest = Split<axis=1>(x, i_2_1)", "x", 1) == {
        "y": (1, [0, 1]), "rest": (1, [2]),
    }  # fmt: skip
    assert behind("y = Concat<axis=2>(x, w_1x3x1)", "y", 1) == {
        "x": (1, [0, 1, 2]), "w_1x3x1": (1, [0, 1, 2]),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "value", "reason"),
    [
        ("y = Softmax<axis=1>(x)", "x", "compares them"),
        ("y = LayerNormalization<axis=1>(x, s_3x4)", "x", "over other axes with them"),
        ("y = Gather<axis=1>(x, chosen)", "x", "chooses among them"),
        ("y = Slice(x, i_0, i_1, i_m2)", "x", "takes a part of them"),
    ],
)
def test_what_mixes_the_positions_ends_the_search(body: str, value: str, reason: str) -> None:
    with pytest.raises(NotCuttable, match=reason):
        behind(body, value, 1)


@pytest.mark.parametrize(
    ("body", "value", "axis", "heard"),
    [
        ("y = MatMul(x, w_4x5)", "x", 2, ["w_4x5 0"]),
        ("y = MatMul(w_5x3, x)", "x", 1, ["w_5x3 1"]),
        ("t = Transpose(x) y = Transpose(t)", "x", 2, []),
        ("y = Gemm<transB=1>(w_2x4, w_5x4)", "w_2x4", 1, ["w_2x4 1", "w_5x4 1"]),
        ("y = ReduceSum(x, i_1)", "x", 1, ["x 1"]),
        ("y = ReduceL2<keepdims=0>(x)", "x", 2, ["x 2"]),
        ("y = ReduceMean<keepdims=0>(x, i_1)", "x", 2, []),
        ("y = LayerNormalization(x, s_4, b_4)", "s_4", 0, ["x 2"]),
        ("y = LayerNormalization(x, s_4, b_4)", "y", 2, ["x 2"]),
        ("y = LayerNormalization(x, s_4, b_4)", "y", 1, []),
    ],
)
def test_what_adds_positions_up_hears_them(
    body: str, value: str, axis: int, heard: list[str]
) -> None:
    found = implied(body, Along(value, axis, np.arange(4)))
    assert [f"{a.value} {a.axis}" for a in found if a.heard] == heard


def test_a_product_of_two_computed_values_hears_both() -> None:
    model = text_net("float[N,3,4] x, float[N,4,5] t", "float[N,3,5] y", "y = MatMul(x, t)")
    found = RULES["MatMul"](model.graph.node[0], Along("t", 1, np.arange(4)), Net(model))
    assert [(a.value, a.axis) for a in found if a.heard] == [("x", 2), ("t", 1)]


@pytest.mark.parametrize("scale", ["s_4", "s_1"])
def test_a_scale_of_a_normalisation_has_an_axis_unless_all_share_it(scale: str) -> None:
    found = implied(f"y = LayerNormalization(x, {scale})", Along("x", 2, np.arange(4)))
    assert [a.place for a in found] == [("x", 2), *[("s_4", 0)] * (scale == "s_4"), ("y", 2)]
