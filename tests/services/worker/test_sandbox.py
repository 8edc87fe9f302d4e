"""What uploaded code could try in a real child: refused inside the walls, and shown to work
without them, so that no refusal is an accident of the test."""

import os
from pathlib import Path

import pytest

from tests.services.worker.cell import MEMORY_BYTES, World, attempt
from worker.nursery import Nursery
from worker.sandbox.walls import available

pytestmark = pytest.mark.skipif(
    bool(available().missing), reason=f"this kernel lacks {available().missing}"
)


FORBIDDEN: dict[str, dict[str, str]] = {
    "tcp": {"port": "tcp_port"},
    "udp": {},
    "unix": {"path": "unix_path"},
    "read": {"path": "secret"},
    "list": {"path": "home"},
    "write": {"path": "beside"},
    "symlink": {"path": "secret"},
    "hardlink": {"path": "secret"},
    "parent_environ": {},
    "read the supervisor's settings": {"path": "environ"},
    "exec": {},
    "fork": {},
    "signal": {"pid": "supervisor"},
    "signal another": {"pid": "process"},
}
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
if os.geteuid() == 0 or not _YAMA.exists() or _YAMA.read_text().strip() == "0":
    FORBIDDEN["ptrace"] = {"pid": "process"}  # elsewhere it is refused outside as well


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_act_is_refused_inside_and_works_outside(
    name: str, nursery: Nursery, world: World, tmp_path: Path
) -> None:
    values: dict[str, object] = {
        "tcp_port": world.tcp_port,
        "unix_path": str(world.unix_path),
        "secret": str(world.secret),
        "home": str(world.secret.parent),
        "beside": str(world.secret.parent / "planted"),
        "environ": f"/proc/{os.getpid()}/environ",
        "supervisor": os.getpid(),
        "process": world.process,
    }
    arguments = {key: values[what] for key, what in FORBIDDEN[name].items()}
    wish = {"act": name.split(maxsplit=1)[0], **arguments}
    free, _ = attempt(nursery, tmp_path, "off", wish)
    inside, _ = attempt(nursery, tmp_path, "required", wish)
    assert free is not None
    assert free.code == "act_done", free.detail
    assert inside is not None
    assert inside.code in {"PermissionError", "OSError"}, inside.detail
    assert (
        "Errno 1]" in inside.detail
        or "Errno 13]" in inside.detail
        or "[Errno 18]" in (inside.detail)
    )


def test_its_own_folder_and_threaded_maths_work_inside(
    nursery: Nursery, tmp_path: Path
) -> None:
    for act, expected in (("write_out", "8"), ("maths", "216000000.0")):
        answer, died = attempt(nursery, tmp_path, "required", {"act": act})
        assert answer is not None
        assert (answer.code, answer.detail, died.exit) == ("act_done", expected, 0)


def test_memory_over_the_limit_is_a_named_failure(nursery: Nursery, tmp_path: Path) -> None:
    answer, _ = attempt(nursery, tmp_path, "required", {"act": "memory", "bytes": MEMORY_BYTES})
    assert answer is not None
    assert answer.code == "out_of_memory"


def test_shared_memory_over_the_limit_is_refused_too(nursery: Nursery, tmp_path: Path) -> None:
    wish = {"act": "shared_memory", "bytes": MEMORY_BYTES + (64 << 20)}
    answer, _ = attempt(nursery, tmp_path, "required", wish)
    assert answer is not None
    assert answer.code in {"OSError", "out_of_memory"}


def test_a_staged_file_larger_than_the_limit_can_be_mapped(
    nursery: Nursery, tmp_path: Path
) -> None:
    wish = {"act": "map", "sparse_bytes": 2 * MEMORY_BYTES}
    answer, _ = attempt(nursery, tmp_path, "required", wish)
    assert answer is not None
    assert (answer.code, answer.detail) == ("act_done", "0")


def test_the_child_inherits_no_settings_and_no_descriptors(
    nursery: Nursery, tmp_path: Path
) -> None:
    names, _ = attempt(nursery, tmp_path, "required", {"act": "own_environ"})
    descriptors, _ = attempt(nursery, tmp_path, "required", {"act": "descriptors"})
    assert names is not None
    assert "ORT_DISABLE_TELEMETRY" in names.detail
    assert "LATHE_" not in names.detail
    assert descriptors is not None
    assert descriptors.detail == "[0, 1, 2, 3, 4]"


def test_a_crash_is_told_by_its_signal_and_the_nursery_lives_on(
    nursery: Nursery, tmp_path: Path
) -> None:
    answer, died = attempt(nursery, tmp_path, "required", {"act": "crash"})
    assert answer is None
    assert died.exit == -6
    again, _ = attempt(nursery, tmp_path, "required", {"act": "write_out"})
    assert again is not None
