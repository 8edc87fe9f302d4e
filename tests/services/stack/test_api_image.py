"""What is in the images is enough: their requirement files, and nothing else that is here."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Refuses every package whose distribution no line of the files names, then runs a program.
WALLED = """
import importlib, importlib.abc, importlib.metadata as metadata, re, runpy, sys
files, program = sys.argv[1].split(","), sys.argv[2:]
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
lines = [line for file in files for line in open(file) if "==" in line]
pinned = {plain(line.split("==")[0].strip()) for line in lines}
homes = metadata.packages_distributions()
class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        owners = {plain(owner) for owner in homes.get(name.partition(".")[0], [])}
        if owners - {"lathe"} and not owners & pinned:
            raise ImportError(f"{name} belongs to {owners}, which the image has not")
sys.meta_path.insert(0, Wall())
sys.argv = program
exec(compile(program[0], "program", "exec"))
"""
DOOR = """
import importlib, pkgutil, app, lathe
import asyncpg, httptools, kombu.transport.redis, psycopg, uvicorn, uvloop
for package in (lathe, app):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith("lathe.packed") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
import app.backup.__main__
from app.main import create
from app.settings import Settings
from app.store.migrate import upgrade
upgrade("sqlite:///" + sys.argv[1])
assert create(Settings(database_url="sqlite:///" + sys.argv[1])).openapi()["paths"]
assert not {"torch", "numpy", "onnx", "onnxruntime", "worker"} & sys.modules.keys()
"""
HANDS = """
import worker.__main__, worker.healthy, worker.sweep, worker.child, worker.zygote
import kombu.transport.redis, onnxruntime, pyseccomp, torch
"""
REFUSED = """
try:
    import numpy
except ImportError as error:
    assert "which the image has not" in str(error)
else:
    raise SystemExit("numpy came in")
"""


def runs(files: str, program: str, *words: str) -> None:
    names = ",".join(f"requirements/{name}.txt" for name in files.split())
    command = [sys.executable, "-c", WALLED, names, program]
    done = subprocess.run(
        [*command, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_service_runs_with_the_api_images_packages_alone(tmp_path: Path) -> None:
    runs("api", DOOR, str(tmp_path / "lathe.db"))


def test_a_worker_runs_with_the_worker_images_packages_alone() -> None:
    runs("torch api worker", HANDS)


def test_the_wall_of_these_tests_stands() -> None:
    runs("api", REFUSED)


def test_a_package_is_pinned_in_one_file_alone() -> None:
    pins: dict[str, str] = {}
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        for line in file.read_text().splitlines():
            if "==" in line and not line.startswith("#"):
                name = line.partition("==")[0].strip().lower()
                assert name not in pins, f"{name} in {pins[name]} and {file.name}"
                pins[name] = file.name
    assert pins["numpy"] == "worker.txt"
