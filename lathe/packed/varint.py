"""Natural numbers of 7 bits a byte, the lowest first; the top bit says that more follow."""

from lathe.errors import CorruptPacked

MOST_BYTES = 5  # so a number is below 2**35
MORE = 0x80


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at` and the offset behind it; raises CorruptPacked."""
    number = 0
    for place, byte in enumerate(data[at : at + MOST_BYTES]):
        number |= (byte & 0x7F) << 7 * place
        if byte < MORE:
            return number, at + place + 1
    raise CorruptPacked("a number has no end")


def varint(number: int) -> bytes:
    """`number` >= 0 in as few bytes as hold it."""
    parts = bytearray()
    while number >= MORE:
        parts.append(number % MORE | MORE)
        number >>= 7
    parts.append(number)
    return bytes(parts)
