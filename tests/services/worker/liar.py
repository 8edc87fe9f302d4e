"""An engine that a stranger has taken over: it speaks to its supervisor as it likes."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lathe.errors import ErrorClass, Failure
from tests.services.worker.shop import FACTS
from worker.child import Say
from worker.engine.measure.locks import TimingLock
from worker.wire import (
    Compress,
    Ending,
    InspectDataset,
    InspectModel,
    ModelInspected,
    Refusal,
    Said,
)

_PIPE = 3


def perform(
    task: InspectModel | InspectDataset | Compress,
    folder_in: Path,
    folder_out: Path,
    say: Say,
    lock: TimingLock,
) -> Ending:
    """Lie as the upload says."""
    if isinstance(task, Compress):
        raise TypeError("lies are uploads")
    wish = json.loads((folder_in / task.upload).read_text())
    return LIES[wish["lie"]](wish, folder_out, say)


def _write_all(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(_PIPE, rest) :]


def _honest(out: Path) -> ModelInspected:
    (out / "canonical.onnx").write_bytes(b"small")
    return ModelInspected(canonical="canonical.onnx", facts=FACTS)


def _flood(_wish: dict[str, Any], _out: Path, _say: Say) -> Ending:
    line = Said(text="again and again").model_dump_json().encode() + b"\n"
    while True:
        _write_all(line * 500)


def _endless_line(_wish: dict[str, Any], _out: Path, _say: Say) -> Ending:
    while True:
        _write_all(b"x" * (1 << 20))


def _many_values(_wish: dict[str, Any], _out: Path, _say: Say) -> Ending:
    _write_all(b'{"kind": "said", "text": "a", "more": [' + b"[]," * 15_000_000 + b"[]]}\n")
    raise AssertionError("nobody minded")


def _forged_code(_wish: dict[str, Any], _out: Path, _say: Say) -> Ending:
    return Refusal(
        failure=Failure(
            code='evil"} 1\nlathe_jobs{state="x',
            error_class=ErrorClass.TRANSIENT,
            retryable=True,
            detail="d" * 100_000,
        )
    )


def _sparse(wish: dict[str, Any], out: Path, _say: Say) -> Ending:
    """Much that costs the disk nothing until it is stored."""
    for number in range(wish["files"]):
        with (out / str(number)).open("wb") as file:
            file.truncate(wish["bytes"])
    return _honest(out)


def _link(wish: dict[str, Any], out: Path, _say: Say) -> Ending:
    (out / "canonical.onnx").symlink_to(wish["path"])
    return ModelInspected(canonical="canonical.onnx", facts=FACTS)


def _hard_link(wish: dict[str, Any], out: Path, _say: Say) -> Ending:
    (out / "canonical.onnx").hardlink_to(wish["path"])
    return ModelInspected(canonical="canonical.onnx", facts=FACTS)


def _fifo(_wish: dict[str, Any], out: Path, _say: Say) -> Ending:
    """Who opens it for reading waits for ever."""
    os.mkfifo(out / "canonical.onnx")
    return ModelInspected(canonical="canonical.onnx", facts=FACTS)


def _somewhere_else(wish: dict[str, Any], _out: Path, _say: Say) -> Ending:
    return ModelInspected(canonical=wish["path"], facts=FACTS)


def _full_disk(_wish: dict[str, Any], _out: Path, _say: Say) -> Ending:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


LIES: dict[str, Callable[[dict[str, Any], Path, Say], Ending]] = {
    "flood": _flood,
    "endless_line": _endless_line,
    "many_values": _many_values,
    "forged_code": _forged_code,
    "sparse": _sparse,
    "link": _link,
    "hard_link": _hard_link,
    "fifo": _fifo,
    "somewhere_else": _somewhere_else,
    "full_disk": _full_disk,
}
