"""Doing what is dangerous in a process of its own, without any wall around it."""

import multiprocessing
from collections.abc import Callable

PATIENCE_S = 60
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "torch",
        "torch._export.serde.serialize",
        "torch.export.pt2_archive._package",
        "onnx",
        "onnxruntime",
        "numpy",
    ]
)


def outcome(
    act: Callable[..., object], *arguments: object, patience_s: float = PATIENCE_S
) -> int | None:
    """Run `act` in a new process and give its exit status; None, and its end, where it was
    still at it after `patience_s`."""
    process = _CONTEXT.Process(target=act, args=arguments)
    process.start()
    process.join(patience_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        return None
    return process.exitcode
