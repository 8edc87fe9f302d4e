"""A head that was written once is read for ever: mixer, preset and vocabulary stay."""

import hashlib

import onnx

from lathe.packed import Limits
from lathe.packed.head.decode import HeadCoding, decode_head
from lathe.packed.head.plan import Grid, Layout

WRITTEN_BY_VERSION_1 = bytes.fromhex(
    "ffdab5a7443b25b9fed10eac7263a95c059cfa06e9dd669fb746bfb74ec0196e77bb5ec85a446c46fd718c43b0"
)


def test_a_head_of_version_1_is_the_graph_that_it_was() -> None:
    head = memoryview(WRITTEN_BY_VERSION_1)
    skeleton = decode_head(HeadCoding.MIXED, head, 3533, Limits())
    assert hashlib.sha256(skeleton.wire).hexdigest()[:16] == "e2b6c91a94069710"
    cuts = [cut for _, cut in skeleton.cuts]
    assert [(cut.dims, cut.stream_bytes) for cut in cuts] == [
        ((6, 1, 5, 5), 257),
        ((6,), None),
        ((3, 216), None),
    ]
    assert cuts[2].plan == Grid(Layout(1), None, kept=1, steps=(0x3E000000,))  # 1 / 8


def test_its_graph_is_one_that_onnx_reads() -> None:
    head = memoryview(WRITTEN_BY_VERSION_1)
    skeleton = decode_head(HeadCoding.MIXED, head, 3533, Limits())
    whole, done = b"", 0
    for at, cut in skeleton.cuts:
        whole += skeleton.wire[done:at] + bytes(cut.size_bytes)
        done = at
    graph = onnx.load_from_string(whole + skeleton.wire[done:]).graph
    assert [node.op_type for node in graph.node] == ["Conv", "Relu", "Flatten", "Gemm"]
    assert [tensor.name for tensor in graph.initializer] == [
        "conv1.weight",
        "conv1.bias",
        "fc.weight",
    ]
