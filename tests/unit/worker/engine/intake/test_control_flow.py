"""Branches and loops in ONNX's text form, through the canonical form."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

from worker.engine.graph.initializers import initializers
from worker.engine.graph.operators import operators
from worker.engine.intake.canonical import canonicalise
from worker.engine.intake.tidy import tidy
from worker.engine.onnx_file.spill import Spill
from worker.engine.session import open_session, run
from worker.engine.view import blocking_operators

X = np.array([[1.0, -2.0, 3.0]], np.float32)


def _canonical(body: str, tmp_path: Path, *, outputs: str = "float[N,3] y") -> onnx.ModelProto:
    """x (N, 3), the constants w = (2, 3, 5) and three = 3, and what `body` makes of them."""
    header = '<ir_version: 10, opset_import: ["": 18]>'
    model = parser.parse_model(f"{header} g (float[N,3] x) => ({outputs}) {{{body}}}")
    for name, values in {"w": np.float32([2, 3, 5]), "three": np.array(3, np.int64)}.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    tidy(model)
    with Spill(tmp_path / "spill") as spill:
        canonical = canonicalise(model, spill)
    assert [f for f in canonical.findings if f.code != "not_tried"] == []
    return canonical.model


def _answer(model: onnx.ModelProto) -> list[list[float]]:
    (y,) = run(open_session(model), {"x": X}).values()
    return y.tolist()


def test_a_branch_that_is_always_taken_is_written_out_under_its_own_names(
    tmp_path: Path,
) -> None:
    model = _canonical(
        """
        sizes = Shape(x) one = Constant<value_int=1>() width = Gather(sizes, one)
        c = Equal(width, three)
        y = If (c) <
            then_branch = t () => (float[N,3] a) <float[3] v = {7, 8, 9}>
                { inner = Mul(x, w) a = Add(inner, v) },
            else_branch = e () => (float[N,3] b) { b = Neg(x) }>
        """,
        tmp_path,
    )
    assert operators(model) == {"Add": 1, "Mul": 1}
    assert set(initializers(model)) == {"w", "v"}
    assert _answer(model) == [[1 * 2 + 7, -2 * 3 + 8, 3 * 5 + 9]]


def test_a_branch_may_hand_on_what_it_did_not_make(tmp_path: Path) -> None:
    model = _canonical(
        """
        no = Constant<value = bool {0}>() h = Relu(x)
        z = If (no) <then_branch = t () => (float[N,3] a) { a = Neg(h) },
                     else_branch = e () => (float[N,3] b) { b = Identity(h) }>
        y = Mul(z, w)
        """,
        tmp_path,
    )
    assert operators(model) == {"Mul": 1, "Relu": 1}
    assert _answer(model) == [[2, 0, 15]]


def test_a_loop_of_a_known_length_is_unrolled_with_one_copy_of_its_weights(
    tmp_path: Path,
) -> None:
    """s -> s w + turn, three times from x = 1: 2, 2 * 2 + 1, 5 * 2 + 2; the turns are kept."""
    model = _canonical(
        """
        go = Constant<value = bool {1}>()
        last, all = Loop (three, go, x) <body = b (int64 i, bool k, float[N,3] s)
            => (bool on, float[N,3] t, float[N,3] u)
            { f = Cast<to=1>(i) m = Mul(s, w) t = Add(m, f) on = Identity(k) u = Neg(t) }>
        zero = Constant<value_ints=[0]>() sum = ReduceSum<keepdims=0>(all, zero)
        y = Concat<axis=1>(last, sum)
        """,
        tmp_path,
        outputs="float[N,6] y",
    )
    assert "Loop" not in operators(model)
    assert operators(model)["Mul"] == 3
    assert [n for n, t in initializers(model).items() if list(t.dims) == [3]] == ["w"]
    found = _answer(model)[0]
    assert (found[0], found[3]) == (12, -(2 + 5 + 12))
    assert blocking_operators(model) == ()


def test_a_loop_that_may_stop_early_stays_and_is_named_as_the_obstacle(tmp_path: Path) -> None:
    model = _canonical(
        """
        go = Constant<value = bool {1}>() hundred = Constant<value_float=100.0>()
        y = Loop (three, go, x) <body = b (int64 i, bool k, float[N,3] s)
            => (bool on, float[N,3] t)
            { t = Mul(s, w) m = ReduceMax<keepdims=0>(t) on = Less(m, hundred) }>
        """,
        tmp_path,
    )
    assert operators(model)["Loop"] == 1
    assert blocking_operators(model) == ("Loop",)


def test_a_loop_that_would_unroll_to_too_much_stays(tmp_path: Path) -> None:
    model = _canonical(
        """
        go = Constant<value = bool {1}>() many = Constant<value = int64 {3000}>()
        tenth = Constant<value_float=0.1>()
        y = Loop (many, go, x) <body = b (int64 i, bool k, float[N,3] s)
            => (bool on, float[N,3] t) { on = Identity(k) m = Mul(s, tenth) t = Tanh(m) }>
        """,
        tmp_path,
    )
    assert operators(model)["Loop"] == 1
