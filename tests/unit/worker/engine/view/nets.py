"""Small nets, one for each idea that architectures are made of, in ONNX's text form.

A weight is named by its shape: `w_4x3x3x3` is a tensor (4, 3, 3, 3), `v_4` one whose numbers
are positive, as a variance is. What stands before the first `_` may be any letters, and `_k`
after the shape tells two tensors of one shape apart.
"""

import re

import numpy as np
import onnx
from onnx import numpy_helper, parser

WEIGHT = re.compile(r"\b([a-z]+)_(\d+(?:x\d+)*)(?:_\d+)?\b")


def net(name: str) -> onnx.ModelProto:
    """The net of that name with seeded weights."""
    inputs, outputs, body, *opset = NETS[name]
    version = opset[0] if opset else 18
    header = f'<ir_version: 10, opset_import: ["": {version}]>'
    model = parser.parse_model(f"{header} g ({inputs}) => ({outputs}) {{{body}}}")
    names = dict.fromkeys(n for node in model.graph.node for n in node.input)
    draw = np.random.default_rng(5)
    for weight in names:
        if found := WEIGHT.fullmatch(weight):
            shape = [int(size) for size in found[2].split("x")]
            values = draw.standard_normal(shape) / np.sqrt(max(np.prod(shape[1:]), 1))
            values = values**2 + 0.5 if found[1] == "v" else values
            tensor = numpy_helper.from_array(values.astype(np.float32), weight)
            model.graph.initializer.append(tensor)
    onnx.checker.check_model(model, full_check=True)
    return model


IMAGE, SCORES = "float[N,3,8,8] x", "float[N,5] y"
HEAD = "p = GlobalAveragePool(h) f = Flatten(p) y = Gemm<transB=1>(f, head_5x4, b_5)"
TOKENS, WORDS = "float[N,6,8] x", "int64[N,6] x"

NETS: dict[str, tuple[str, str, str] | tuple[str, str, str, int]] = {
    "perceptron": ("float[N,6] x", SCORES, """
        a = Gemm<transB=1>(x, w_7x6, b_7) h = Relu(a)
        c = MatMul(h, w_7x5) y = Add(c, b_5)
    """),
    "lenet": ("float[N,1,12,12] x", SCORES, """
        a = Conv(x, w_4x1x5x5, b_4) b = Tanh(a)
        c = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b)
        d = Conv(c, w_6x4x3x3, b_6) e = AveragePool<kernel_shape=[2,2]>(d)
        f = Flatten(e) y = Gemm<transB=1>(f, w_5x6, b_5)
    """),
    "residual": (IMAGE, SCORES, f"""
        a = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w_4x3x3x3)
        b = BatchNormalization(a, s_4, b_4, m_4, v_4) c = Relu(b)
        d = Conv<pads=[1,1,1,1]>(c, w_4x4x3x3)
        e = BatchNormalization(d, s_4_1, b_4_1, m_4_1, v_4_1)
        side = Conv<strides=[2,2]>(x, w_4x3x1x1)
        sum = Add(e, side) h = Relu(sum) {HEAD}
    """),
    "inverted residual": (IMAGE, SCORES, f"""
        zero = Constant<value_float=0.0>() six = Constant<value_float=6.0>()
        a = Conv(x, w_4x3x1x1, b_4) b = Clip(a, zero, six)
        c = Conv<group=4, pads=[1,1,1,1]>(b, w_4x1x3x3, b_4_1) d = Clip(c, zero, six)
        e = Conv(d, w_4x4x1x1, b_4_2) h = Add(a, e) {HEAD}
    """),
    "squeeze and excite": (IMAGE, SCORES, f"""
        a = Conv<pads=[1,1,1,1]>(x, w_4x3x3x3, b_4) c = HardSwish(a)
        s = GlobalAveragePool(c) r = Conv(s, w_2x4x1x1, b_2) q = Relu(r)
        t = Conv(q, w_4x2x1x1, b_4_1) g = HardSigmoid<alpha=0.1666667, beta=0.5>(t)
        h = Mul(c, g) {HEAD}
    """),
    "unet": (IMAGE, "float[N,2,8,8] y", """
        a = Conv<pads=[1,1,1,1]>(x, w_4x3x3x3, b_4) b = Relu(a)
        c = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b)
        d = Conv<pads=[1,1,1,1]>(c, w_6x4x3x3, b_6) e = Relu(d)
        u = ConvTranspose<strides=[2,2]>(e, u_6x4x2x2, b_4_1)
        j = Concat<axis=1>(u, b) y = Conv<pads=[1,1,1,1]>(j, w_2x8x3x3, b_2)
    """),
    "densely connected": (IMAGE, "float[N,10] y", """
        a = BatchNormalization(x, s_3, b_3, m_3, v_3) b = Relu(a)
        c = Conv<pads=[1,1,1,1]>(b, w_3x3x3x3) d = Concat<axis=1>(x, c)
        e = BatchNormalization(d, s_6, b_6, m_6, v_6) f = Relu(e)
        g = Conv<pads=[1,1,1,1]>(f, w_4x6x3x3) h = Concat<axis=1>(d, g)
        p = GlobalMaxPool(h) y = Flatten(p)
    """),
    "inception": (IMAGE, "float[N,9,8,8] y", """
        a = Conv(x, w_2x3x1x1, b_2) b = Conv(x, w_2x3x1x1_1, b_2_1)
        c = Conv<pads=[1,1,1,1]>(b, w_4x2x3x3, b_4)
        d = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(x)
        e = Conv(d, w_3x3x1x1, b_3) f = Concat<axis=1>(a, c, e) y = LeakyRelu<alpha=0.2>(f)
    """),
    "shuffled groups": (IMAGE, "float[N,4,8,8] y", """
        a = Conv(x, w_4x3x1x1, b_4)
        s = Constant<value_ints=[0,2,2,8,8]>() t = Constant<value_ints=[0,4,8,8]>()
        b = Reshape(a, s) c = Transpose<perm=[0,2,1,3,4]>(b) d = Reshape(c, t)
        l, r = Split<axis=1, num_outputs=2>(d) m = Conv<group=2>(r, w_2x1x1x1)
        y = Concat<axis=1>(l, m)
    """),
    "modern convolution": (IMAGE, "float[N,3,8,8] y", """
        two = Constant<value_float=1.4142135>() one = Constant<value_float=1.0>()
        half = Constant<value_float=0.5>()
        a = Conv<group=3, pads=[3,3,3,3]>(x, w_3x1x7x7, b_3)
        b = Transpose<perm=[0,2,3,1]>(a) n = LayerNormalization(b, s_3, b_3_1)
        c = MatMul(n, w_3x7) d = Add(c, b_7) i = Div(d, two) e = Erf(i) f = Add(e, one)
        k = Mul(d, f) l = Mul(k, half) m = MatMul(l, w_7x3) o = Add(m, b_3_2)
        q = Mul(o, g_3) r = Transpose<perm=[0,3,1,2]>(q) y = Add(x, r)
    """),
    "group norm as exported": (IMAGE, "float[N,4,8,8] y", """
        a = Conv<pads=[1,1,1,1]>(x, w_4x3x3x3, b_4)
        s = Constant<value_ints=[0,2,-1]>() o = Constant<value_floats=[1.0, 1.0]>()
        z = Constant<value_floats=[0.0, 0.0]>() t = Shape(a)
        b = Reshape(a, s) c = InstanceNormalization(b, o, z) d = Reshape(c, t)
        e = Mul(d, s_4x1x1) y = Add(e, b_4x1x1)
    """),
    "group norm": (IMAGE, SCORES, f"""
        a = Conv(x, w_4x3x3x3) b = GroupNormalization<num_groups=2>(a, s_4, b_4)
        h = Mish(b) {HEAD}
    """, 21),
    "network in network": (IMAGE, "float[N,5] y", """
        a = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w_4x3x3x3, b_4) b = PRelu(a, s_4x1x1)
        c = Conv(b, w_5x4x1x1, b_5) d = Relu(c) e = GlobalAveragePool(d)
        f = Flatten(e) y = Softmax(f)
    """),
    "channels last": ("float[N,8,8,3] x", SCORES, f"""
        a = Transpose<perm=[0,3,1,2]>(x) b = Conv<auto_pad="SAME_LOWER">(a, w_4x3x2x2, b_4)
        h = Elu<alpha=0.7>(b) {HEAD}
    """),
    "audio": ("float[N,2,20] x", "float[N,5] y", """
        a = Conv<strides=[2], pads=[2,2]>(x, w_4x2x5, b_4)
        b = BatchNormalization(a, s_4, b_4_1, m_4, v_4) c = Relu(b)
        d = MaxPool<kernel_shape=[2], strides=[2]>(c)
        e = Conv<group=2>(d, w_6x2x3, b_6) p = GlobalAveragePool(e)
        f = Flatten(p) g = MatMul(f, w_6x5) y = LogSoftmax(g)
    """),
    "causal dilated": ("float[N,3,16] x", "float[N,4,16] y", """
        p = Constant<value_ints=[0,0,4,0,0,0]>() zero = Constant<value_float=0.0>()
        a = Pad(x, p, zero) b = Conv<dilations=[2]>(a, w_4x3x3, b_4) c = Relu(b)
        s = Conv(x, w_4x3x1, b_4_1) y = Add(c, s)
    """),
    "gated waves": ("float[N,3,16] x", "float[N,3,16] y", """
        a = Conv<dilations=[4], pads=[4,4]>(x, w_6x3x3, b_6)
        f, g = Split<axis=1, num_outputs=2>(a) t = Tanh(f) s = Sigmoid(g) m = Mul(t, s)
        r = Conv(m, w_3x3x1, b_3) y = Add(x, r)
    """),
    "video": ("float[N,2,4,6,6] x", SCORES, f"""
        a = Conv<pads=[1,1,1,1,1,1]>(x, w_4x2x3x3x3, b_4)
        b = BatchNormalization(a, s_4, b_4_1, m_4, v_4) c = Relu(b)
        h = MaxPool<kernel_shape=[2,2,2], strides=[2,2,2]>(c) {HEAD}
    """),
    "generator": ("float[N,6] x", "float[N,2,8,8] y", """
        a = Gemm<transB=1>(x, w_48x6, b_48) s = Constant<value_ints=[-1,3,4,4]>()
        b = Reshape(a, s) c = BatchNormalization(b, s_3, b_3, m_3, v_3) d = Relu(c)
        e = ConvTranspose<strides=[2,2], pads=[1,1,1,1]>(d, u_3x2x4x4, b_2) y = Tanh(e)
    """),
    "autoencoder": ("float[N,1,9] x", "float[N,1,9] y", """
        a = Conv<strides=[2]>(x, w_4x1x3, b_4) b = Softplus(a)
        y = ConvTranspose<strides=[2]>(b, u_4x1x3, b_1)
    """),
    "variational": ("float[N,6] x", "float[N,2] mean, float[N,2] deviation", """
        half = Constant<value_float=0.5>()
        a = Gemm<transB=1>(x, w_7x6, b_7) h = Selu(a) mean = Gemm(h, w_7x2, b_2)
        l = Gemm(h, w_7x2_1, b_2_1) k = Mul(l, half) deviation = Exp(k)
    """),
    "pyramid": (IMAGE, "float[N,2,8,8] y, float[N,2,4,4] z", """
        scales = Constant<value_floats=[1.0, 1.0, 2.0, 2.0]>()
        a = Conv<pads=[1,1,1,1]>(x, w_4x3x3x3, b_4)
        b = Conv<pads=[1,1,1,1], strides=[2,2]>(a, w_4x4x3x3, b_4_1)
        z = Conv(b, w_2x4x1x1, b_2)
        u = Resize<mode="nearest", coordinate_transformation_mode="asymmetric",
                   nearest_mode="floor">(b, , scales)
        m = Add(a, u) y = Conv(m, w_2x4x1x1_1, b_2_1)
    """),
    "dilated segmentation": (IMAGE, "float[N,2,16,16] y", """
        scales = Constant<value_floats=[1.0, 1.0, 2.0, 2.0]>()
        a = Conv<pads=[2,2,2,2], dilations=[2,2]>(x, w_4x3x3x3, b_4) g = GlobalAveragePool(a)
        q = Conv(g, w_4x4x1x1, b_4_1) e = Add(a, q) c = Conv(e, w_2x4x1x1, b_2)
        y = Resize<mode="linear", coordinate_transformation_mode="pytorch_half_pixel">(
            c, , scales)
    """),
    "detector": (IMAGE, "float[N,3,4,4,7] y", """
        s = Constant<value_ints=[0,3,7,4,4]>() sizes = Constant<value_ints=[2,2,3]>()
        a = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w_21x3x3x3, b_21) b = Reshape(a, s)
        c = Transpose<perm=[0,1,3,4,2]>(b) d = Sigmoid(c) p, q, r = Split<axis=-1>(d, sizes)
        two = Constant<value_float=2.0>() e = Mul(p, two) f = Pow(q, two)
        y = Concat<axis=-1>(e, f, r)
    """),
    "super resolution": (IMAGE, "float[N,1,16,16] y", """
        a = Conv<pads=[1,1,1,1]>(x, w_4x3x3x3, b_4) y = DepthToSpace<blocksize=2, mode="CRD">(a)
    """),
    "spatial transformer": (IMAGE, "float[N,3,8,8] y", """
        p = GlobalAveragePool(x) f = Flatten(p) t = Gemm(f, w_3x6, b_6)
        s = Constant<value_ints=[-1,2,3]>() theta = Reshape(t, s)
        g = MatMul(theta, g_3x64) r = Transpose<perm=[0,2,1]>(g)
        q = Constant<value_ints=[0,8,8,2]>() grid = Reshape(r, q) y = GridSample(x, grid)
    """, 20),
    "lstm": (TOKENS, SCORES, """
        zero = Constant<value_ints=[0]>() a = Transpose<perm=[1,0,2]>(x)
        o, h, c = LSTM<hidden_size=4>(a, w_1x16x8, r_1x16x4, b_1x32)
        s = Squeeze(h, zero) y = Gemm(s, w_4x5, b_5)
    """),
    "gru both ways": (TOKENS, "float[N,6,5] y", """
        a = Transpose<perm=[1,0,2]>(x) s = Constant<value_ints=[0,0,-1]>()
        o = GRU<hidden_size=3, direction="bidirectional", linear_before_reset=1>(
            a, w_2x9x8, r_2x9x3, b_2x18)
        b = Transpose<perm=[2,0,1,3]>(o) c = Reshape(b, s) d = MatMul(c, w_6x5) y = Add(d, b_5)
    """),
    "gru that resets first": (TOKENS, "float[N,4] y", """
        zero = Constant<value_ints=[0]>() a = Transpose<perm=[1,0,2]>(x)
        o, h = GRU<hidden_size=4>(a, w_1x12x8, r_1x12x4, b_1x24) y = Squeeze(h, zero)
    """),
    "rnn of relus": (TOKENS, "float[N,4] y", """
        zero = Constant<value_ints=[0]>() a = Transpose<perm=[1,0,2]>(x)
        o, h = RNN<hidden_size=4, activations=["Relu"]>(a, w_1x4x8, r_1x4x4, b_1x8)
        y = Squeeze(h, zero)
    """),
    "sequences of several lengths": ("float[N,6,8] x, int32[N] lengths", "float[N,6] y", """
        a = Transpose<perm=[1,0,2]>(x) flat = Constant<value_ints=[0,-1]>()
        o, h = LSTM<hidden_size=3, direction="bidirectional">(
            a, w_2x12x8, r_2x12x3, b_2x24, lengths)
        b = Transpose<perm=[1,0,2]>(h) y = Reshape(b, flat)
    """),
    "vision transformer": ("float[N,1,8,8] x", SCORES, """
        flat = Constant<value_ints=[0,6,-1]>() heads = Constant<value_ints=[0,0,2,-1]>()
        whole = Constant<value_ints=[0,0,-1]>() scale = Constant<value_float=0.577>()
        a = Conv<strides=[4,4]>(x, w_6x1x4x4, b_6) b = Reshape(a, flat)
        c = Transpose<perm=[0,2,1]>(b) d = Add(c, position_1x4x6)
        n = LayerNormalization(d, s_6, b_6_1)
        qm = MatMul(n, q_6x6) qa = Add(qm, b_6_2) qr = Reshape(qa, heads)
        km = MatMul(n, k_6x6) kr = Reshape(km, heads)
        vm = MatMul(n, v_6x6) va = Add(vm, b_6_4) vr = Reshape(va, heads)
        q = Transpose<perm=[0,2,1,3]>(qr) k = Transpose<perm=[0,2,3,1]>(kr)
        v = Transpose<perm=[0,2,1,3]>(vr) s = MatMul(q, k) t = Mul(s, scale) p = Softmax(t)
        o = MatMul(p, v) r = Transpose<perm=[0,2,1,3]>(o) u = Reshape(r, whole)
        w = MatMul(u, o_6x6) z = Add(d, w) one = Constant<value_ints=[1]>()
        m = ReduceMean<keepdims=0>(z, one) y = Gemm(m, w_6x5, b_5)
    """),
    "bert": (f"{WORDS}, int64[N,6] mask", SCORES, """
        one = Constant<value_float=1.0>() far = Constant<value_float=-10000.0>()
        axes = Constant<value_ints=[1]>() first = Constant<value_int=0>()
        e = Gather(words_9x4, x) f = Add(e, place_6x4) n = LayerNormalization(f, s_4, b_4)
        c = Cast<to=1>(mask) u = Unsqueeze(c, axes) i = Sub(one, u) far_mask = Mul(i, far)
        q = MatMul(n, q_4x4) k = MatMul(n, k_4x4) v = MatMul(n, v_4x4)
        kt = Transpose<perm=[0,2,1]>(k) s = MatMul(q, kt) t = Add(s, far_mask) p = Softmax(t)
        o = MatMul(p, v) r = Add(n, o) g = Gather<axis=1>(r, first)
        h = Tanh(g) y = Gemm(h, w_4x5, b_5)
    """),
    "causal decoder": (WORDS, "float[N,6,9] y", """
        two = Constant<value_float=2.0>() tiny = Constant<value_float=0.001>()
        far = Constant<value_float=-1e9>() axis = Constant<value_ints=[-1]>()
        e = Gather(words_9x4, x) sq = Pow(e, two) ms = ReduceMean(sq, axis) me = Add(ms, tiny)
        rt = Sqrt(me) d = Div(e, rt) n = Mul(d, s_4)
        q = MatMul(n, q_4x4) k = MatMul(n, k_4x4) v = MatMul(n, v_4x4)
        kt = Transpose<perm=[0,2,1]>(k) s = MatMul(q, kt)
        sh = Shape(s) ones = ConstantOfShape(sh) zero = Constant<value_float=0.0>()
        open = Constant<value_float=1.0>() filled = Add(ones, open)
        lower = Trilu<upper=0>(filled) here = Greater(lower, zero)
        m = Where(here, s, far) p = Softmax(m) o = MatMul(p, v) r = Add(e, o)
        t = Transpose<perm=[1,0]>(words_9x4) y = MatMul(r, t)
    """),
    "rotary attention": (TOKENS, "float[N,6,8] y", """
        n = RMSNormalization(x, s_8) q = MatMul(n, q_8x8) k = MatMul(n, k_8x4)
        v = MatMul(n, v_8x4)
        at = Constant<value_ints=[0,1,2,3,4,5]>()
        c = Constant<value = float[6,1] {1.0, 0.8, 0.6, 0.0, -0.6, -0.8}>()
        s = Constant<value = float[6,1] {0.0, 0.6, 0.8, 1.0, 0.8, 0.6}>()
        rows = Constant<value_ints=[1,6]>() here = Reshape(at, rows)
        sh = Shape<start=0, end=2>(x) ids = Expand(here, sh)
        qr = RotaryEmbedding<num_heads=4>(q, c, s, ids)
        kr = RotaryEmbedding<num_heads=2>(k, c, s, ids)
        a = Attention<q_num_heads=4, kv_num_heads=2, is_causal=1>(qr, kr, v)
        o = MatMul(a, o_8x8) r = Add(x, o) g = MatMul(r, w_8x7) u = MatMul(r, w_8x7_1)
        i = Sigmoid(g) j = Mul(g, i) l = Mul(j, u) d = MatMul(l, w_7x8) y = Add(r, d)
    """, 23),
    "mixer": (TOKENS, "float[N,6,8] y", """
        a = LayerNormalization(x, s_8, b_8) b = Transpose<perm=[0,2,1]>(a)
        c = MatMul(b, w_6x5) d = Gelu<approximate="tanh">(c) e = MatMul(d, w_5x6)
        f = Transpose<perm=[0,2,1]>(e) g = Add(x, f) h = LayerNormalization(g, s_8_1, b_8_1)
        i = MatMul(h, w_8x8) y = Add(g, i)
    """, 20),
    "windows": ("float[N,8,8,4] x", "float[N,8,8,4] y", """
        cut = Constant<value_ints=[-1,2,4,2,4,4]>() rows = Constant<value_ints=[-1,16,4]>()
        back = Constant<value_ints=[-1,2,2,4,4,4]>() all = Constant<value_ints=[-1,8,8,4]>()
        a = Reshape(x, cut) b = Transpose<perm=[0,1,3,2,4,5]>(a) c = Reshape(b, rows)
        q = MatMul(c, q_4x4) s = Einsum<equation="bid,bjd->bij">(q, c) p = Softmax(s)
        o = Einsum<equation="bij,bjd->bid">(p, c) m = MatMul(o, w_4x4) d = Reshape(m, back)
        e = Transpose<perm=[0,1,3,2,4,5]>(d) f = Reshape(e, all) y = Add(x, f)
    """),
    "experts": ("float[N,6] x", "float[N,4] y", """
        g = MatMul(x, w_6x3) p = Softmax(g) h = Einsum<equation="ni,eio->neo">(x, w_3x6x4)
        r = Relu(h) y = Einsum<equation="ne,neo->no">(p, r)
    """),
    "attention pool": (TOKENS, "float[N,8] y", """
        a = MatMul(x, w_8x1) p = Softmax<axis=1>(a) m = Mul(p, x)
        one = Constant<value_ints=[1]>() y = ReduceSum<keepdims=0>(m, one)
    """),
    "two and two": ("float[N,4] a, float[N,3,4,4] b", "float[N,2] y, float[N,3] z", """
        c = Gemm<transB=1>(a, w_6x4, b_6) d = Relu(c) e = Flatten(b) f = Gemm(e, w_48x6, b_6_1)
        g = Relu(f) j = Concat<axis=1>(d, g) y = Gemm(j, w_12x2, b_2) m = Mul(d, g)
        z = Gemm(m, w_6x3, b_3)
    """),
    "twins": ("float[N,6] a, float[N,6] b", "float[N,1] y", """
        c = Gemm<transB=1>(a, w_4x6, b_4) d = Gemm<transB=1>(b, w_4x6, b_4)
        e = LpNormalization<axis=1, p=2>(c) f = LpNormalization<axis=1, p=2>(d) m = Mul(e, f)
        one = Constant<value_ints=[1]>() y = ReduceSum(m, one)
    """),
    "recommender": ("int64[N] user, int64[N] item, float[N,3] dense", "float[N,1] y", """
        u = Gather(users_7x4, user) i = Gather(items_9x4, item) d = Gemm(dense, w_3x4, b_4)
        e = Relu(d) ui = Mul(u, i) ue = Mul(u, e) j = Concat<axis=1>(ui, ue, e)
        f = Gemm(j, w_12x1, b_1) y = Sigmoid(f)
    """),
    "wide and deep": ("int64[N,3] ids, float[N,5] x", "float[N,1] y", """
        e = Gather(table_8x4, ids) one = Constant<value_ints=[1]>()
        m = ReduceMean<keepdims=0>(e, one) j = Concat<axis=1>(m, x) a = Gemm(j, w_9x6, b_6)
        h = Celu(a) d = Gemm(h, w_6x1, b_1) w = MatMul(x, w_5x1) y = Add(d, w)
    """),
    "text of several widths": (WORDS, SCORES, """
        e = Gather(words_9x4, x) t = Transpose<perm=[0,2,1]>(e)
        a = Conv(t, w_3x4x2, b_3) b = Conv(t, w_2x4x3, b_2) c = Relu(a) d = Relu(b)
        f = GlobalMaxPool(c) g = GlobalMaxPool(d) j = Concat<axis=1>(f, g)
        h = Flatten(j) y = Gemm(h, w_5x5, b_5)
    """),
    "graph convolution": ("float[N,5,3] x, float[N,5,5] edges", "float[N,4] y", """
        one = Constant<value_ints=[1]>() last = Constant<value_ints=[2]>()
        s = Abs(edges) d = ReduceL1(s, last) n = Div(s, d) a = MatMul(n, x) b = MatMul(a, w_3x4)
        c = Add(b, b_4) h = ThresholdedRelu<alpha=0.1>(c) y = ReduceMax<keepdims=0>(h, one)
    """),
    "highway": ("float[N,6] x", "float[N,6] y", """
        one = Constant<value_float=1.0>() a = Gemm(x, w_6x6, b_6) h = Softsign(a)
        t = Gemm(x, w_6x6_1, b_6_1) g = Sigmoid(t) k = Sub(one, g) l = Mul(h, g) m = Mul(x, k)
        y = Add(l, m)
    """),
    "crossed features": ("float[N,6] x", "float[N,6] y", """
        a = MatMul(x, w_6x6) b = Add(a, b_6) c = Mul(x, b) d = Add(c, x)
        e = MatMul(d, w_6x6_1) f = Mul(x, e) y = Add(f, d)
    """),
    "spelled out norm": (TOKENS, "float[N,6,8] y", """
        axis = Constant<value_ints=[-1]>() two = Constant<value_float=2.0>()
        tiny = Constant<value_float=1e-5>()
        m = ReduceMean(x, axis) c = Sub(x, m) s = Pow(c, two) v = ReduceMean(s, axis)
        e = Add(v, tiny) r = Sqrt(e) d = Div(c, r) g = Mul(d, s_8) y = Add(g, b_8)
    """),
    "trained on fake integers": ("float[N,6] x", "float[N,5] y", """
        sx = Constant<value_float=0.05>() zx = Constant<value=uint8 {128}>()
        sw = Constant<value_float=0.01>() zw = Constant<value=int8 {0}>()
        xq = QuantizeLinear(x, sx, zx) xd = DequantizeLinear(xq, sx, zx)
        wq = QuantizeLinear(w_6x5, sw, zw) wd = DequantizeLinear(wq, sw, zw)
        y = MatMul(xd, wd)
    """),
}  # fmt: skip
