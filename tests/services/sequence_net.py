"""A small untrained net with embeddings, attention, residual blocks and a GRU, for the stand's
data."""

import numpy as np
import onnx
from onnx import numpy_helper, parser

GRAPH = """<ir_version: 10, opset_import: ["": 18]> g (float[N,1,4,6] x) => (float[N,3] y) {
    pixels = Reshape(x, tokens) brightest = ArgMax<axis=2, keepdims=0>(pixels)
    kind = Gather(kinds, brightest) n = LayerNormalization(kind, scale)
    wide = MatMul(n, widen) t = Add(pixels, wide)
    qm = MatMul(t, q) qr = Reshape(qm, heads) qt = Transpose<perm=[0,2,1,3]>(qr)
    km = MatMul(t, k) kr = Reshape(km, heads) kt = Transpose<perm=[0,2,3,1]>(kr)
    vm = MatMul(t, v) vr = Reshape(vm, heads) vt = Transpose<perm=[0,2,1,3]>(vr)
    s = MatMul(qt, kt) p = Softmax(s) a = MatMul(p, vt)
    at = Transpose<perm=[0,2,1,3]>(a) am = Reshape(at, whole) o = MatMul(am, out)
    r = Add(t, o) f = MatMul(r, up) g = Relu(f) d = MatMul(g, down) e = Add(r, d)
    b = Transpose<perm=[1,0,2]>(e) states, last = GRU<hidden_size=8>(b, w, u)
    h = Squeeze(last, zero) y = MatMul(h, classes)
}"""
SHAPES = {"q": (6, 12), "k": (6, 12), "v": (6, 12), "out": (12, 6), "up": (6, 10)}
SHAPES |= {"kinds": (6, 5), "scale": (5,), "widen": (5, 6)}
SHAPES |= {"down": (10, 6), "w": (1, 24, 6), "u": (1, 24, 8), "classes": (8, 3)}
SIZES = {"tokens": [0, 4, 6], "heads": [0, 0, 4, 3], "whole": [0, 0, 12], "zero": [0]}


def sequence_net() -> onnx.ModelProto:
    """x (N, 1, 4, 6) to y (N, 3): 4 tokens, embeddings 5 wide, 4 heads, 8 hidden units."""
    draw = np.random.default_rng(6)
    model = parser.parse_model(GRAPH)
    for name, shape in SHAPES.items():
        weight = draw.standard_normal(shape).astype(np.float32) * 0.4
        model.graph.initializer.append(numpy_helper.from_array(weight, name))
    for name, sizes in SIZES.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(sizes), name))
    onnx.checker.check_model(model, full_check=True)
    return model
