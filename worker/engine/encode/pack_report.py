"""What a packed file's bytes went to."""

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
