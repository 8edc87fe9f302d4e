"""What is in the images is enough: the folders that are copied, the packages that are pinned.

No container is built here: a copy of an image's folders runs with every other package refused.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from app.store.migrate import upgrade
from tests.unit.stack.compose import ROOT, images

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
        optional = module.name.startswith(("lathe.packed", "lathe.trust"))
        if not optional and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
import app.backup.__main__
from app.main import create
from app.settings import Settings
from app.store.migrate import upgrade
upgrade("sqlite:///" + sys.argv[1])
assert app.__file__.startswith(sys.argv[2]), app.__file__
assert create(Settings(database_url="sqlite:///" + sys.argv[1])).openapi()["paths"]
assert not {"torch", "numpy", "onnx", "onnxruntime", "worker"} & sys.modules.keys()
"""
HANDS = """
import worker.__main__, worker.healthy, worker.sweep, worker.child, worker.zygote
import kombu.transport.redis, onnxruntime, pyseccomp, torch
from app.store.migrate import Schema, schema_of
assert worker.__file__.startswith(sys.argv[2]), worker.__file__
assert schema_of("sqlite:///" + sys.argv[1], 5.0) is Schema.FITTING
"""
REFUSED = """
try:
    import numpy
except ImportError as error:
    assert "which the image has not" in str(error)
else:
    raise SystemExit("numpy came in")
"""


def runs(stage: str, files: str, program: str, folder: Path) -> None:
    """Run `program` in a copy of what the image of that stage holds."""
    place = folder / stage
    place.mkdir()
    for found, line in images():
        if found == stage and line.startswith("COPY") and "--from" not in line:
            _, source, target = line.split()
            shutil.copytree(ROOT / source, place / target)
    names = ",".join(str(ROOT / f"requirements/{name}.txt") for name in files.split())
    words = [str(folder / "lathe.db"), str(place)]
    done = subprocess.run(
        [sys.executable, "-c", WALLED, names, program, *words],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_service_runs_with_what_is_in_its_image_alone(tmp_path: Path) -> None:
    runs("api", "api traces", DOOR, tmp_path)


def test_a_worker_runs_with_what_is_in_its_image_alone(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / 'lathe.db'}")
    runs("worker", "torch api traces worker", HANDS, tmp_path)


def test_the_wall_of_these_tests_stands(tmp_path: Path) -> None:
    runs("api", "api traces", REFUSED, tmp_path)


def test_a_package_is_pinned_in_one_file_alone() -> None:
    pins: dict[str, str] = {}
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        for line in file.read_text().splitlines():
            if "==" in line and not line.startswith("#"):
                name = line.partition("==")[0].strip().lower()
                assert name not in pins, f"{name} in {pins[name]} and {file.name}"
                pins[name] = file.name
    assert pins["numpy"] == "worker.txt"
