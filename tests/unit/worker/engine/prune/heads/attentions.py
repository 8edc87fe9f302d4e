"""Attention over x (N, 5, 6) with 3 heads, queries and keys of 2 numbers, values of 4, as
several exporters write it."""

import onnx

TOKENS, SAME = "float[N,5,6] x", "float[N,5,6] y"

SCORES = "s = MatMul(q, kt) p = Softmax(s) o = MatMul(p, v)"
MERGED = "ot = Transpose<perm=[0,2,1,3]>(o) oc = Reshape(ot, i_0_0_12)"
OUT = "om = MatMul(oc, o_12x6) oa = Add(om, b_6) y = Add(x, oa)"
SPLIT = """
    qm = MatMul(x, q_6x6) qa = Add(qm, b_6_1) qr = Reshape(qa, i_0_0_3_m1)
    q = Transpose<perm=[0,2,1,3]>(qr)
    km = MatMul(x, k_6x6) kr = Reshape(km, i_0_0_m1_2) kt = Transpose<perm=[0,2,3,1]>(kr)
    vm = MatMul(x, v_6x12) va = Add(b_12, vm) vr = Reshape(va, i_0_0_3_4)
    v = Transpose<perm=[0,2,1,3]>(vr)
"""
APART = f"{SPLIT} {SCORES} {MERGED} {OUT}"

FORMS = {
    "apart": APART,
    # one product for all three, split by columns; half of the scores hidden
    "fused": """
        all = MatMul(x, w_6x24) qm, km, vm = Split<axis=-1>(all, i_6_6_12)
        qr = Reshape(qm, i_0_5_3_2) q = Transpose<perm=[0,2,1,3]>(qr)
        kr = Reshape(km, i_0_5_3_2) kt = Transpose<perm=[0,2,3,1]>(kr)
        vr = Reshape(vm, i_0_5_3_4) v = Transpose<perm=[0,2,1,3]>(vr)
        s = MatMul(q, kt) m = Add(s, mask_5x5) p = Softmax(m) o = MatMul(p, v)
        ot = Transpose<perm=[0,2,1,3]>(o) oc = Reshape(ot, i_0_0_m1) y = MatMul(oc, o_12x6)
    """,
    # one product, three in an axis of its own; a bias of the scores for each head
    "stacked": """
        all = MatMul(x, w_6x36) r = Reshape(all, i_0_0_3_3_4)
        t = Transpose<perm=[2,0,3,1,4]>(r) q = Gather(t, i0) k = Gather(t, i1) v = Gather(t, i2)
        kt = Transpose<perm=[0,1,3,2]>(k) c = MatMul(q, kt) s = Add(c, place_3x5x5)
        p = Softmax(s) o = MatMul(p, v)
        ot = Transpose<perm=[0,2,1,3]>(o) oc = Reshape(ot, i_0_0_m1) y = MatMul(oc, o_12x6)
    """,
    # rows of examples and tokens as one axis, Gemm, sizes computed from the input
    "flattened": """
        rows = Reshape(x, i_m1_6) sh = Shape<end=2>(x)
        heads = Concat<axis=0>(sh, i_3_2) wide = Concat<axis=0>(sh, i_3_4)
        qm = Gemm<transB=1>(rows, q_6x6, b_6) qr = Reshape(qm, heads)
        q = Transpose<perm=[0,2,1,3]>(qr)
        km = Gemm(rows, k_6x6) kr = Reshape(km, heads) kt = Transpose<perm=[0,2,3,1]>(kr)
        vm = Gemm(rows, v_6x12) vr = Reshape(vm, wide) v = Transpose<perm=[0,2,1,3]>(vr)
        s = MatMul(q, kt) p = Softmax(s) o = MatMul(p, v)
        ot = Transpose<perm=[0,2,1,3]>(o) oc = Reshape(ot, i_m1_12)
        om = Gemm<transB=1>(oc, o_6x12, b_6_1) y = Reshape(om, i_m1_5_6)
    """,
}


def twice(model: onnx.ModelProto, *, shared: bool) -> onnx.ModelProto:
    """x -> y -> z through the same nodes, with the same weights or with copies of them, which
    are called so with `_again` behind it."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in list(model.graph.node):
        again = model.graph.node.add()
        again.CopyFrom(node)
        for names in (again.input, again.output):
            for k, name in enumerate(names):
                if name not in constants:
                    names[k] = {"x": "y", "y": "z"}.get(name, f"{name}_again")
                elif not shared:
                    names[k] = f"{name}_again"
    if not shared:
        for tensor in constants.values():
            model.graph.initializer.add().CopyFrom(tensor)
            model.graph.initializer[-1].name += "_again"
    model.graph.output[0].name = "z"
    return model
