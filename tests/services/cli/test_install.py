"""The client by itself: what a person installs who has a service elsewhere."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.cli.conftest import Shop

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 15
PACKAGES = 40  # no server, no model library
HEAVY = ("torch", "numpy", "onnx", "fastapi", "sqlalchemy", "celery")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What `pip install .` reads; a copy, as it writes there."""
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT / "lathe", tree / "lathe", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    return tree


def cpu_s() -> float:
    """Of all children so far. What else this machine does is not the client's weight."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_it_installs_in_seconds_without_torch_and_works(shop: Shop, tree: Path) -> None:
    home = shop.folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    before_s = cpu_s()
    subprocess.run(
        [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", tree],
        check=True,
    )
    took_s = cpu_s() - before_s
    frozen = subprocess.run(
        [home / "bin" / "pip", "freeze"], capture_output=True, text=True, check=True
    )
    names = {line.split("==")[0].split(" @")[0].lower() for line in frozen.stdout.splitlines()}
    assert not names & set(HEAVY), names
    assert len(names) < PACKAGES
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [
            "lathe",
            "compress",
            "net.onnx",
            "-d",
            "data.npz",
            "-p",
            "quantize.static",
            "-o",
            "out",
        ],
        cwd=shop.folder,
        env={**shop.environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert list((shop.folder / "out").glob("*.onnx"))
    assert took_s < WITHIN_S
