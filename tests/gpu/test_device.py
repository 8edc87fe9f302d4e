"""CUDA itself behind the walls: what only a machine with a GPU can show."""

from pathlib import Path

import pytest
import torch

from tests.gpu.works import compressed
from tests.services.worker.cell import attempt, outside, watched
from worker.nursery import Nursery
from worker.sandbox.walls import available


def _why_not() -> str:
    if available().missing:
        return f"this kernel lacks {available().missing}"
    if not torch.backends.cuda.is_built():
        return "this torch is built without CUDA"
    if not Path("/dev/nvidiactl").exists():
        return "there is no /dev/nvidiactl: no NVIDIA device, or none given to this container"
    return "" if torch.cuda.is_available() else "torch finds no CUDA device"


pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "there is a device"),
]


def test_maths_on_the_device_go_on_behind_every_wall(nursery: Nursery, tmp_path: Path) -> None:
    answer, _ = attempt(nursery, tmp_path, "required", {"act": "cuda_maths"}, gpu=True)
    assert answer is not None
    assert (answer.code, answer.detail) == ("act_done", "216000000.0")


def test_a_job_that_is_not_for_the_gpu_does_not_get_the_device(
    nursery: Nursery, tmp_path: Path
) -> None:
    wish = {"act": "read", "path": "/dev/nvidiactl"}
    answer, _ = attempt(nursery, tmp_path, "required", wish)
    assert answer is not None
    assert answer.code == "PermissionError"


def test_a_compression_trains_on_the_device(tmp_path: Path) -> None:
    assert compressed(tmp_path, device="cuda") > 0


def test_the_machines_memory_is_watched_while_the_device_is_used(
    nursery: Nursery, tmp_path: Path
) -> None:
    wish = {"act": "cuda_and_memory", "mib": 5000, "sleep_s": 20}
    answer, died, broken = watched(
        nursery, tmp_path, "required", wish, gpu=True, memory_bytes=4 << 30
    )
    assert (answer, died.exit) == (None, -9)
    assert broken is not None
    assert broken.code == "out_of_memory"


def test_files_and_sockets_stay_forbidden_while_the_device_is_open(
    nursery: Nursery, tmp_path: Path
) -> None:
    with outside(tmp_path) as world:
        for wish in (
            {"act": "read", "path": str(world.secret), "cuda": True},
            {"act": "tcp", "port": world.tcp_port, "cuda": True},
            {"act": "unix", "path": str(world.unix_path), "cuda": True},
        ):
            answer, _ = attempt(nursery, tmp_path, "required", wish, gpu=True)
            assert answer is not None
            assert answer.code == "PermissionError", answer.detail
