"""The packed file of a candidate, and the proof that nothing was lost.

It is made of the ONNX file that was written for the candidate, so both are handed over and
measured together. Before that it is decoded, as the one who downloads it will do, and its
bytes are compared with the ONNX file's.
"""

import hashlib
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from lathe.errors import StepImpossible
from lathe.packed.limits import Limits
from lathe.packed.unpack import unpack
from lathe.report import PackedFile, PackedTensor
from lathe.techniques.encode import Profile
from worker.engine.checkpoint import Trait
from worker.engine.encode.pack import pack
from worker.engine.encode.pack_report import PackReport
from worker.engine.onnx_file.bundle import SUFFIX
from worker.engine.run.artifact import Written


def packed_artifact(
    written: Written, traits: Mapping[str, Trait], path: Path, *, profile: Profile
) -> PackedFile:
    """Pack the file `written` to `path` and decode it once.

    Raises StepImpossible where the model lies in a tar; RuntimeError when what is decoded is
    another file, which would be a bug.
    """
    if written.path.suffix == SUFFIX:
        raise StepImpossible(
            "a packed file holds one ONNX file, and this model needs a tar of two; put a "
            "quantize step before encode.entropy, or leave it out"
        )
    hints = {name: t.multiples for name, t in traits.items() if t.multiples is not None}
    started_s = time.perf_counter()
    report = pack(written.path, path, hints=hints, profile=profile)
    encode_s = time.perf_counter() - started_s
    decode_s = _checked(path, written)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return PackedFile(
        file=path.name,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        profile=profile,
        parts=_parts(report),
        tensors=tuple(
            PackedTensor(
                tensor=each.name,
                coded_as=each.coding,
                bytes_before=each.onnx_bytes,
                bytes_after=each.packed_bytes,
            )
            for each in report.tensors
        ),
        huffman_bytes=_by_huffman(report),
        encode_s=encode_s,
        decode_s=decode_s,
    )


def _checked(packed: Path, written: Written) -> float:
    """Seconds that decoding took; what came out is the file `written`, bit for bit."""
    with tempfile.TemporaryDirectory(dir=packed.parent) as scratch:
        again = Path(scratch) / "again.onnx"
        started_s = time.perf_counter()
        unpack(packed, again, Limits(max_bytes=written.size_bytes))
        took_s = time.perf_counter() - started_s
        with again.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != written.sha256:
        raise RuntimeError(f"{packed.name} unpacks to {sha256}, not to {written.sha256}")
    return took_s


def _by_huffman(report: PackReport) -> int | None:
    """The file's bytes, had Huffman's codes been taken where they can; None where nowhere."""
    codes = [each.huffman_bytes for each in report.tensors]
    if all(size_bytes is None for size_bytes in codes):
        return None
    rest = report.packed_bytes - sum(
        each.packed_bytes for each in report.tensors if each.huffman_bytes is not None
    )
    return rest + sum(size_bytes for size_bytes in codes if size_bytes is not None)


def _parts(report: PackReport) -> dict[str, int]:
    known = report.header_bytes + report.head_bytes
    return {
        "header": report.header_bytes,
        "graph": report.head_bytes,
        "tensors": report.packed_bytes - known,
    }
