"""The `lathe` program of this environment, a service to talk to, and files to compress."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest

from examples.service import embedded
from stand import SHAPE, answers, net

PROGRAM = Path(sys.executable).parent / "lathe"
QUICK = '[{"technique": "quantize.static"}]'
LONG = '[{"technique": "train.recover", "epochs": 4000}]'
GONE_S = 20


def _hears_ctrl_c() -> None:
    """A shell makes what it starts with & deaf to it, and all that comes of that as well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Shop:
    """A folder to work in, with net.onnx and data.npz, and the environment of a user."""

    folder: Path
    environment: dict[str, str]

    def lathe(
        self, *words: object, within_s: float = 240
    ) -> "subprocess.CompletedProcess[str]":
        """The program with these words, to its end."""
        return subprocess.run(
            [PROGRAM, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def begun(self, *words: object) -> "subprocess.Popen[str]":
        """The program with these words, while it runs; what it says comes by stderr."""
        return subprocess.Popen(
            [PROGRAM, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hears_ctrl_c,  # noqa: PLW1509 - it touches no lock
        )

    def processes(self) -> list[psutil.Process]:
        """All that were started with this user's cache folder."""
        cache = f"XDG_CACHE_HOME={self.environment['XDG_CACHE_HOME']}"
        return [p for p in psutil.process_iter() if cache in _environment(p)]

    def is_left_alone(self) -> bool:
        """Whether all of them end soon."""
        deadline = time.monotonic() + GONE_S
        while (living := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return not living


def until_it_says(process: "subprocess.Popen[str]", word: str) -> str:
    """The line on stderr that has this word."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if word in line:
            return line
    raise AssertionError("".join(said))


def _environment(process: psutil.Process) -> list[str]:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return []
        return [f"{name}={value}" for name, value in process.environ().items()]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def shop_in(folder: Path, **environment: str) -> Shop:
    rng = np.random.default_rng(2)
    model = net(rng)
    onnx.save(model, folder / "net.onnx")
    arrays: dict[str, Any] = {}
    for split, count in (("train", 600), ("test", 200)):
        x = rng.standard_normal((count, *SHAPE)).astype(np.float32)
        arrays |= {f"{split}/x": x, f"{split}/label": answers(model, x)}
    np.savez(folder / "data.npz", **arrays)
    own = {
        name: value for name, value in os.environ.items() if not name.startswith("LATHE_")
    } | {
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "NO_COLOR": "1",
    }
    return Shop(folder, own | environment)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A service that stays, as variables that name it."""
    with embedded(tmp_path_factory.mktemp("service") / "data") as service:
        yield {"LATHE_URL": service.url, "LATHE_KEY": service.key}


@pytest.fixture
def shop(running: dict[str, str], tmp_path: Path) -> Shop:
    return shop_in(tmp_path, **running)


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Shop]:
    """Without any service; nothing that was started may be left."""
    shop = shop_in(tmp_path)
    yield shop
    assert shop.is_left_alone(), [p.cmdline() for p in shop.processes()]
