"""What a parser must not do while it reads an input is seen."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.walls import Left, Walls

WRITE = os.O_WRONLY | os.O_CREAT


def _heard(walls: Walls, event: str, *args: object) -> Callable[[], None]:
    return lambda: walls._heard(event, args)


@pytest.mark.parametrize(
    ("event", "args", "said"),
    [
        ("open", ("/tmp/elsewhere", "w", WRITE), "wrote /tmp/elsewhere"),
        ("open", ("/etc/shadow", "r", os.O_RDONLY), "read /etc/shadow"),
        ("open", ("scratch/../../elsewhere", "w", WRITE), "wrote"),
        ("os.remove", ("/tmp/elsewhere", -1), "os.remove /tmp/elsewhere"),
        ("os.rename", ("scratch/a", "/tmp/elsewhere", -1, -1), "os.rename /tmp/elsewhere"),
        ("socket.connect", (None, ("10.0.0.1", 80)), "socket.connect"),
        ("subprocess.Popen", ("ls", [], None, None), "subprocess.Popen"),
        ("os.posix_spawn", ("ls", [], {}), "os.posix_spawn"),
        ("pickle.find_class", ("os", "system"), "pickle.find_class"),
        ("ctypes.dlopen", ("libc.so.6",), "ctypes.dlopen"),
    ],
)
def test_what_leaves_is_told_and_stopped(
    event: str,
    args: tuple[object, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    walls = Walls(tmp_path)
    walls.shut = True
    with pytest.raises(Left, match=said):
        _heard(walls, event, *args)()
    assert walls.left[0].startswith(said)
    walls.shut = False
    _heard(walls, event, *args)()  # between inputs the fuzzer may do as it likes


def test_what_stays_inside_is_let_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    walls = Walls(tmp_path)
    walls.shut = True
    _heard(walls, "open", "scratch/upload", "w", WRITE)()
    _heard(walls, "open", str(tmp_path / "a"), "w", WRITE)()
    _heard(walls, "open", 7, "r", os.O_RDONLY)()
    _heard(walls, "open", os.__file__, "r", os.O_RDONLY)()
    _heard(walls, "os.mkdir", str(tmp_path / "folder"), 0o777, -1)()
    _heard(walls, "import", "json")()
    assert walls.left == []
