"""The skeleton of an ONNX file out of a coded head."""

from collections.abc import Iterator
from enum import IntEnum
from functools import cache

from lathe.errors import CorruptPacked, ModelTooLarge
from lathe.packed.binary import BinaryDecoder, Work
from lathe.packed.head.mixer import Mixer
from lathe.packed.head.plan import Skeleton
from lathe.packed.head.preset import PRESET
from lathe.packed.head.read import read_skeleton
from lathe.packed.head.tokens import MixedTokens, PlainTokens
from lathe.packed.limits import Limits
from lathe.packed.squeeze import unsqueeze
from lathe.packed.varint import read_varint

MOST_MIXED = 16 << 10  # tokens: each takes the mixer some 60 us


class HeadCoding(IntEnum):
    """How the tokens of a head are written; the numbers are the format's."""

    PLAIN = 0  # as bytes
    SQUEEZED = 1  # a varint, how many, and LZMA's of them
    MIXED = 2  # the bits of the mixer, which has learned the preset


def decode_head(coding: int, data: memoryview, onnx_bytes: int, limits: Limits) -> Skeleton:
    """The skeleton of a file of `onnx_bytes`. Raises CorruptPacked where it is none, and
    ModelTooLarge where it is beyond the limits."""
    match coding:
        case HeadCoding.PLAIN:
            skeleton = _plain(bytes(data), onnx_bytes, limits)
        case HeadCoding.SQUEEZED:
            count, at = read_varint(data, 0)
            _bounded(count, limits)
            skeleton = _plain(unsqueeze(data[at:], count), onnx_bytes, limits)
        case HeadCoding.MIXED:
            bits = BinaryDecoder(data, Work(8 * MOST_MIXED))
            skeleton = read_skeleton(MixedTokens(primed(), bits, MOST_MIXED), onnx_bytes)
            bits.close()
        case _:
            raise CorruptPacked(f"a head of coding {coding} is not known")
    if skeleton.size_bytes != onnx_bytes:
        raise CorruptPacked(
            f"the head makes {skeleton.size_bytes} bytes, the file declares {onnx_bytes}"
        )
    return skeleton


def primed() -> Mixer:
    """A mixer that has learned the preset."""
    return _primed().copy()


@cache
def _primed() -> Mixer:
    mixer = Mixer()
    for head in PRESET:
        read_skeleton(MixedTokens(mixer, _Known(head), len(head)), 1 << 40)
    return mixer


class _Known:
    """The bits of tokens that are known: nothing is coded, only learned."""

    def __init__(self, tokens: bytes) -> None:
        self._bits = bits_of(tokens)

    def bit(self, chance: int) -> int:  # noqa: ARG002 - known anyway
        """The next bit."""
        return next(self._bits)


def bits_of(tokens: bytes) -> Iterator[int]:
    """The bits of tokens, of each the highest first."""
    for token in tokens:
        for place in range(7, -1, -1):
            yield token >> place & 1


def _plain(data: bytes, onnx_bytes: int, limits: Limits) -> Skeleton:
    _bounded(len(data), limits)
    tokens = PlainTokens(data)
    skeleton = read_skeleton(tokens, onnx_bytes)
    if not tokens.ended():
        raise CorruptPacked("there are tokens behind the end of the head")
    return skeleton


def _bounded(count: int, limits: Limits) -> None:
    if count > limits.max_head_bytes:
        raise ModelTooLarge(
            f"the graph takes {count} bytes, the limit is {limits.max_head_bytes}; raise it "
            "for files that you trust"
        )
