"""Files that are damaged, strange, too large or lies; and one that is right, byte by byte."""

import hashlib
import io
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from lathe.errors import CorruptPacked, ModelTooLarge, UnknownPackedVersion
from lathe.packed import Limits, load, unpack
from lathe.packed.unpack import unpack_into
from tests.fuzz.crafted import checked, crafted

# a MatMul of x with the weights w, as docs/reference/packed.md shows it
HEAD = bytes.fromhex(
    "01100701010078000100770002790004"
    "0a00020067000501040106020208020906060100093f00000801010224"
    "0000"
)
BODY = bytes.fromhex("0103c26000")
ONNX_BYTES = 69


def example(**other: bytes) -> bytes:
    onnx_file = io.BytesIO()
    packed = crafted(HEAD, BODY, ONNX_BYTES)
    with pytest.raises(CorruptPacked, match="not the one that was packed"):
        unpack_into(packed, onnx_file, Limits())
    digest = hashlib.sha256(onnx_file.getvalue()).digest()
    return crafted(other.get("head", HEAD), other.get("body", BODY), ONNX_BYTES, digest)


def refusal(packed: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(CorruptPacked) as refused:
        unpack_into(packed, io.BytesIO(), limits or Limits())
    return refused.value.detail


def test_the_example_of_the_reference_is_the_model_that_it_says() -> None:
    packed = example()
    assert packed.hex() == "4c5450013210e352fb3bf4fec5ba7f04452f00" + HEAD.hex() + BODY.hex()
    model = load(packed)
    node, weight = model.graph.node[0], model.graph.initializer[0]
    assert (node.op_type, list(node.input), list(node.output)) == ("MatMul", ["x", "w"], ["y"])
    assert (model.ir_version, model.graph.name) == (8, "g")
    assert model.opset_import[0].version == 18
    values = np.frombuffer(weight.raw_data, np.float32).reshape(tuple(weight.dims))
    assert values.tolist() == [[0.5, 0, -1], [0, 1.5, 0]]
    assert not np.signbit(values[0, 1])


def test_the_target_appears_only_when_all_of_it_is_right(tmp_path: Path) -> None:
    source, target = tmp_path / "a.packed", tmp_path / "a.onnx"
    target.write_bytes(b"older")
    source.write_bytes(crafted(HEAD, BODY, ONNX_BYTES))
    with pytest.raises(CorruptPacked):
        unpack(source, target)
    assert target.read_bytes() == b"older"
    source.write_bytes(example())
    assert unpack(source, target) == ONNX_BYTES
    assert onnx.load(target).graph.node[0].op_type == "MatMul"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "a.packed"]


def test_every_cut_and_every_flipped_bit_is_refused_by_the_checksum_or_before() -> None:
    packed = example()
    for size in range(len(packed)):
        with pytest.raises(CorruptPacked):
            unpack_into(packed[:size], io.BytesIO(), Limits())
    for place in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises((CorruptPacked, UnknownPackedVersion)):
            unpack_into(bytes(damaged), io.BytesIO(), Limits())


def test_what_is_no_packed_file_is_told_so(tmp_path: Path) -> None:
    assert "does not begin with LTP" in refusal(b"\x08\x08:" + bytes(60))
    (tmp_path / "empty").touch()
    with pytest.raises(CorruptPacked, match="empty"):
        unpack(tmp_path / "empty", tmp_path / "out")


def test_a_later_version_asks_for_a_newer_release() -> None:
    later = bytearray(example())
    later[3] = 2
    with pytest.raises(UnknownPackedVersion, match=r"version 2.*update lathe"):
        unpack_into(bytes(later), io.BytesIO(), Limits())


def test_a_model_beyond_the_limit_is_refused_before_anything_is_made() -> None:
    with pytest.raises(ModelTooLarge, match="69 bytes, the limit is 68"):
        unpack_into(example(), io.BytesIO(), Limits(max_bytes=68))
    with pytest.raises(ModelTooLarge, match="graph takes 47"):
        unpack_into(example(), io.BytesIO(), Limits(max_head_bytes=46))


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        (HEAD[:-1], BODY, "ends too early"),
        (HEAD + b"\0", BODY, "tokens behind the end"),
        (b"\x13" + HEAD, BODY, "field 19"),
        (HEAD.replace(b"\x08\x02\x09", b"\x08\x04\x09"), BODY, "not there before"),
        (HEAD.replace(b"\x09\x06\x06", b"\x09\x0a\x06"), BODY, "coding 10"),
        (HEAD.replace(b"\x09\x06\x06", b"\x09\x09\x06"), BODY, "in pieces of 6 rows"),
        (HEAD.replace(b"\x06\x06\x01\x00\x09", b"\x06\x00\x01\x00\x09"), BODY, "no stream was"),
        (HEAD.replace(b"\x06\x06\x01\x00\x09", b"\x06\x06\x03\x00\x09"), BODY, "more axes"),
        (HEAD.replace(b"\x06\x06\x01\x00\x09", b"\x06\x06\x01\x03\x09"), BODY, "axis"),
        (HEAD.replace(b"\x06\x06\x01\x00\x09", b"\x06\x06\x01\x00\x0d"), BODY, "unknown form"),
        (HEAD, BODY[:-1], "ends before"),
        (HEAD, BODY + b"\0", "behind the last"),
        (HEAD.replace(b"\x01\x04\x01\x06", b"\x01\x04\x01\x08"), BODY, "larger file than"),
        (HEAD.replace(b"\x01\x04\x01\x06", b"\x01\x04\x01\x04"), BODY, "makes 61 bytes"),
    ],
    ids=range(14),
)
def test_a_lie_behind_a_right_checksum_is_found(head: bytes, body: bytes, why: str) -> None:
    assert why in refusal(crafted(head, body, ONNX_BYTES))


def test_a_tensor_of_an_absurd_shape_is_refused_without_its_memory() -> None:
    dims = b"\x01\xfe\xff\xff\xff\xff\x0f" * 2  # 2**37 - 1 each, about
    head = HEAD.replace(b"\x01\x04\x01\x06", dims)
    assert "larger file than" in refusal(crafted(head, BODY, ONNX_BYTES))


def test_messages_inside_messages_without_end_are_refused() -> None:
    deep = b"\x07" + b"\x01\x05\x06" * 1000  # graph: node: attribute: graph: ...
    assert "too deep" in refusal(crafted(deep, b"", 10_000))


def test_a_squeezed_head_that_grows_is_refused_by_what_it_declares() -> None:
    packed = bytearray(crafted(b"\xff\xff\xff\xff\x07" + zlib.compress(b""), b"", 10))
    packed[18] = 1  # squeezed
    with pytest.raises(ModelTooLarge, match="graph takes"):
        unpack_into(checked(bytes(packed)), io.BytesIO(), Limits())
