"""What a stranger's file may ask of this machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_bytes` of the ONNX file, which bounds the disk and, with its largest tensor, the
    memory; `max_head_bytes` of the graph alone, of which a few times as much is memory."""

    max_bytes: int = (1 << 31) - 1  # what protobuf parses
    max_head_bytes: int = 64 << 20
