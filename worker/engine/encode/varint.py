"""The writing half of lathe.packed.varint."""

from lathe.packed.varint import MORE


def varint(number: int) -> bytes:
    """`number` >= 0 in as few bytes as hold it."""
    parts = bytearray()
    while number >= MORE:
        parts.append(number % MORE | MORE)
        number >>= 7
    parts.append(number)
    return bytes(parts)
