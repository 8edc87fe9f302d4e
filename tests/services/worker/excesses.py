"""Taking more than a job's share: each act goes on until something stops it."""

import ctypes
import mmap
import os
import platform
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PIECE = b"x" * (1 << 20)


def _thread_bomb(_wish: dict[str, Any]) -> object:
    threading.stack_size(64 << 10)
    over = threading.Event()
    while True:
        threading.Thread(target=over.wait, daemon=True).start()


def _burn(_wish: dict[str, Any]) -> object:
    while True:
        pass


def _burn_on(wish: dict[str, Any]) -> object:
    """Longer than it is asked to stop."""
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    return _burn(wish)


def _sleep(wish: dict[str, Any]) -> object:
    time.sleep(wish.get("sleep_s", 60))
    return "woke"


def _large_file(wish: dict[str, Any]) -> object:
    with (Path(wish["out"]) / "large").open("wb") as file:
        while True:
            file.write(_PIECE)


def _large_file_by_force(wish: dict[str, Any]) -> object:
    """With the signal that Python ignores."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    return _large_file(wish)


def _many_files(wish: dict[str, Any]) -> object:
    """None of them large."""
    for number in range(wish["files"]):
        (Path(wish["out"]) / str(number)).write_bytes(_PIECE)
    return _sleep(wish)


def _hidden_files(wish: dict[str, Any]) -> object:
    """Deleted as soon as they are written, and kept: some open, some only mapped."""
    held: list[object] = []
    for number in range(wish["files"]):
        path = Path(wish["out"]) / str(number)
        file = path.open("w+b")
        file.write(_PIECE)
        file.flush()
        path.unlink()
        held.append(file)
        if number % 2:
            held[-1] = mmap.mmap(file.fileno(), 0)
            file.close()
    return _sleep(wish)


def _empty_files(wish: dict[str, Any]) -> object:
    for number in range(wish["files"]):
        (Path(wish["out"]) / str(number)).touch()
    return _sleep(wish)


def _deep_folders(wish: dict[str, Any]) -> object:
    os.chdir(wish["out"])
    for _ in range(wish["depth"]):
        Path("d").mkdir()
        os.chdir("d")
    return _sleep(wish)


def _closed_folder(wish: dict[str, Any]) -> object:
    """One that can be written to and not listed."""
    place = Path(wish["out"]) / "closed"
    place.mkdir(mode=0o300)
    for number in range(20):
        (place / str(number)).write_bytes(_PIECE)
    return _sleep(wish)


def _talk_to_the_log(_wish: dict[str, Any]) -> object:
    while True:
        os.write(1, _PIECE)


def _private_memory(wish: dict[str, Any]) -> object:
    held = [bytes([1 + number % 255]) * (1 << 20) for number in range(wish["mib"])]
    return _sleep(wish) if held else None


def _shared_pages(wish: dict[str, Any]) -> object:
    """Anonymous memory that RLIMIT_DATA does not count."""
    memory = mmap.mmap(-1, wish["mib"] << 20)
    for place in range(0, len(memory), mmap.PAGESIZE):
        memory[place] = 1
    return _sleep(wish)


def _behind_the_first_thread(wish: dict[str, Any]) -> object:
    """The first thread ends (exit, not exit_group), and another goes on with `then`."""
    act = EXCESSES[wish["then"]]
    threading.Thread(target=act, args=(wish,), daemon=True).start()
    number = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    return ctypes.CDLL(None).syscall(ctypes.c_long(number), 0)


def _reserve(wish: dict[str, Any]) -> object:
    """Addresses, and no memory behind them: PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    place = libc.mmap(None, ctypes.c_size_t(wish["bytes"]), 0, 0x22, -1, 0)
    if place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    return "reserved"


EXCESSES: dict[str, Callable[[dict[str, Any]], object]] = {
    "thread_bomb": _thread_bomb,
    "burn": _burn,
    "burn_on": _burn_on,
    "sleep": _sleep,
    "large_file": _large_file,
    "large_file_by_force": _large_file_by_force,
    "many_files": _many_files,
    "hidden_files": _hidden_files,
    "empty_files": _empty_files,
    "deep_folders": _deep_folders,
    "closed_folder": _closed_folder,
    "talk_to_the_log": _talk_to_the_log,
    "reserve": _reserve,
    "behind_the_first_thread": _behind_the_first_thread,
    "private_memory": _private_memory,
    "shared_pages": _shared_pages,
}
