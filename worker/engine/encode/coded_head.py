"""The tokens of a head in the fewest bytes."""

from lathe.packed.head.decode import MOST_MIXED, HeadCoding, bits_of, primed
from lathe.packed.head.read import read_skeleton
from lathe.packed.head.tokens import MixedTokens
from lathe.packed.varint import varint
from worker.engine.encode.binary import BinaryEncoder
from worker.engine.encode.squeeze import squeeze


def coded_head(tokens: bytes, onnx_bytes: int) -> tuple[HeadCoding, bytes]:
    """The coding of the head of a file of `onnx_bytes` that is smallest, and its bytes."""
    choices = [
        (HeadCoding.PLAIN, tokens),
        (HeadCoding.SQUEEZED, varint(len(tokens)) + squeeze(tokens)),
    ]
    if len(tokens) <= MOST_MIXED:
        encoder = BinaryEncoder(bits_of(tokens))
        read_skeleton(MixedTokens(primed(), encoder, MOST_MIXED), onnx_bytes)
        choices.append((HeadCoding.MIXED, encoder.finish()))
    return min(choices, key=lambda choice: len(choice[1]))
