"""ONNX's element types: their width and which of their codings make sense."""

from math import prod

from lathe.errors import CorruptPacked

FLOAT, FLOAT16, DOUBLE, BFLOAT16 = 1, 10, 11, 16
FLOATS = frozenset({FLOAT, FLOAT16, DOUBLE, BFLOAT16})
UNSIGNED = frozenset({2, 4, 9, 12, 13, 21, 25})  # BOOL among them
SIGNED = frozenset({3, 5, 6, 7, 22, 26})
_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64,
    14: 64, 15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2,
    26: 2,
}  # fmt: skip
MOST_DIMS = 64


def bits_of(data_type: int) -> int | None:
    """Bits of one element; None for types that have no fixed width or are not known."""
    return _BITS.get(data_type)


def size_of(data_type: int, dims: tuple[int, ...]) -> int | None:
    """Bytes of a tensor's numbers, elements below a byte packed; None where that is not told
    by its type and shape."""
    bits = _BITS.get(data_type)
    if bits is None or len(dims) > MOST_DIMS or any(size < 0 for size in dims):
        return None
    return -(-prod(dims) * bits // 8)


def element_bytes(data_type: int) -> int:
    """Bytes of one element of 1, 2, 4 or 8; raises CorruptPacked for any other width."""
    bits = _BITS.get(data_type, 0)
    if bits not in {8, 16, 32, 64}:
        raise CorruptPacked(f"element type {data_type} cannot be coded so")
    return bits // 8
