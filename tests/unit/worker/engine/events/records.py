"""TensorBoard's record format, read by its own rules, little-endian:

length u64, masked crc32c of the length u32, the data, masked crc32c of the data u32
"""

import struct
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

CASTAGNOLI = 0x82F63B78  # reflected


def crc32c(data: bytes) -> int:
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (CASTAGNOLI if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read(path: Path) -> list[Event]:
    """Every event; asserts that both checksums of each are right."""
    rest, events = path.read_bytes(), []
    while rest:
        (length,) = struct.unpack("<Q", rest[:8])
        assert struct.unpack("<I", rest[8:12]) == (masked(rest[:8]),)
        data = rest[12 : 12 + length]
        assert struct.unpack("<I", rest[12 + length : 16 + length]) == (masked(data),)
        events.append(Event.FromString(data))
        rest = rest[16 + length :]
    return events
