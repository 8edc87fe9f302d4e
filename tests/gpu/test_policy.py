"""The policy of a job on a GPU, as far as a machine without one can show it: address space is
free, what is touched is watched, and every other wall stands."""

from pathlib import Path
from typing import Any

import pytest

from tests.gpu.works import compressed
from tests.services.worker.cell import World, attempt, watched
from worker.nursery import Nursery
from worker.sandbox.walls import available

pytestmark = pytest.mark.skipif(
    bool(available().missing), reason=f"this kernel lacks {available().missing}"
)

MIB = 1 << 20
RESERVED_BYTES = 1 << 38  # 256 GiB of addresses, as CUDA takes them
LIMIT_BYTES = 1 << 30


def test_addresses_are_free_on_a_gpu_and_limited_elsewhere(
    nursery: Nursery, tmp_path: Path
) -> None:
    wish = {"act": "reserve", "bytes": RESERVED_BYTES}
    answers = [
        attempt(nursery, tmp_path, "required", dict(wish), gpu=gpu)[0] for gpu in (True, False)
    ]
    codes = [answer.code for answer in answers if answer is not None]
    assert codes == ["act_done", "OSError"]


@pytest.mark.parametrize("act", ["private_memory", "shared_pages"])
def test_memory_over_the_limit_kills_and_is_named(
    act: str, nursery: Nursery, tmp_path: Path
) -> None:
    over = {"act": act, "mib": 1200, "sleep_s": 20}
    answer, died, broken = watched(
        nursery, tmp_path, "required", over, gpu=True, memory_bytes=LIMIT_BYTES
    )
    assert (answer, died.exit) == (None, -9)
    assert broken is not None
    assert broken.code == "out_of_memory"
    assert "1 GiB" in broken.detail
    below = {"act": act, "mib": 100, "sleep_s": 0.3}
    answer, _, broken = watched(
        nursery, tmp_path, "required", below, gpu=True, memory_bytes=LIMIT_BYTES
    )
    assert answer is not None
    assert (answer.code, broken) == ("act_done", None)


FORBIDDEN: dict[str, dict[str, str]] = {
    "read": {"path": "secret"},
    "list": {"path": "proc"},
    "write": {"path": "planted"},
    "tcp": {"port": "tcp_port"},
    "unix": {"path": "unix_path"},
    "datagram": {"path": "datagram"},
    "fork": {},
    "exec": {},
    "chmod": {"path": "secret"},
    "memfd": {},
    "shm": {},
    "affinity": {"pid": "process"},
    "own_memory": {},
}
READ_ONLY = {"read another's command line": "cmdline", "read another's status": "status"}


def test_nothing_else_is_open_because_of_a_gpu(
    nursery: Nursery, world: World, tmp_path: Path
) -> None:
    values: dict[str, Any] = {
        "secret": str(world.secret),
        "proc": "/proc",
        "planted": str(world.secret.parent / "planted"),
        "tcp_port": world.tcp_port,
        "unix_path": str(world.unix_path),
        "datagram": str(world.datagram_path),
        "process": world.process,
    }
    wishes = [
        {"act": act, **{key: values[what] for key, what in arguments.items()}}
        for act, arguments in FORBIDDEN.items()
    ]
    wishes += [
        {"act": "read", "path": f"/proc/{world.process}/{name}"} for name in READ_ONLY.values()
    ]
    for wish in wishes:
        free, _ = attempt(nursery, tmp_path, "off", dict(wish), gpu=True)
        assert free is not None
        assert free.code == "act_done", (wish, free.detail)
        inside, _ = attempt(nursery, tmp_path, "required", dict(wish), gpu=True)
        assert inside is not None
        assert inside.code in {"PermissionError", "OSError"}, (wish, inside.detail)


def test_what_cuda_reads_of_the_machine_is_open_on_a_gpu_alone(
    nursery: Nursery, tmp_path: Path
) -> None:
    """As far as this machine has it."""
    for path in (
        "/proc/version",
        "/proc/devices",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ):
        if not Path(path).exists():
            continue
        codes = []
        for gpu in (True, False):
            wish = {"act": "read", "path": path}
            answer, _ = attempt(nursery, tmp_path, "required", wish, gpu=gpu)
            assert answer is not None
            codes.append(answer.code)
        assert codes == ["act_done", "PermissionError"], path


def test_a_compression_goes_through_under_the_policy(tmp_path: Path) -> None:
    assert compressed(tmp_path, device="cpu") > 0
