"""What a packed file's bytes went to."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """One tensor: its name, how it is coded, its bytes in the ONNX file and in the body, and
    in a body of Huffman codes where it is one of few distinct values.

    Tensors that share a stream of symbols are told their part of it by estimate; the parts
    add up to the body. A tensor whose bytes are tokens of the head takes none of the body.
    """

    name: str
    coding: str
    onnx_bytes: int
    packed_bytes: int
    huffman_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PackReport:
    """A whole file: `header_bytes` + `head_bytes` + the tensors' = `packed_bytes`, but for
    the rounding of shared streams."""

    onnx_bytes: int
    packed_bytes: int
    header_bytes: int
    head_bytes: int
    head_coding: str
    tensors: tuple[PackedTensor, ...]
    sha256: str


def merged(parts: Iterable[PackedTensor]) -> tuple[PackedTensor, ...]:
    """The tensors, the pieces of one that follow each other put together."""
    tensors: list[PackedTensor] = []
    for part in parts:
        if not tensors or not part.name or part.name != tensors[-1].name:
            tensors.append(part)
            continue
        last = tensors.pop()
        huffman = None
        if last.huffman_bytes is not None and part.huffman_bytes is not None:
            huffman = last.huffman_bytes + part.huffman_bytes
        onnx_bytes = last.onnx_bytes + part.onnx_bytes
        packed_bytes = last.packed_bytes + part.packed_bytes
        tensors.append(PackedTensor(last.name, last.coding, onnx_bytes, packed_bytes, huffman))
    return tuple(tensors)
