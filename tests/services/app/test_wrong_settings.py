"""A wrong setting stops every process of the service with one line that names it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.store.migrate import upgrade

ROOT = Path(__file__).resolve().parents[3]
API = ("app.serve", "--port", "0")
WORKER = ("worker", "--queue", "cpu")
UP = ("app.up", "--port", "0", "--data")
AWAY = "postgresql://lathe:hush@127.0.0.1:1/lathe"


def line_of(command: tuple[str, ...], environment: dict[str, str]) -> str:
    """The only line that the process says; it ends by itself, and not well."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LATHE_")}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {1, 2}, (command, done)
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, (command, lines)
    assert "hush" not in lines[0]
    return lines[0]


def test_each_process_says_which_setting_is_wrong(tmp_path: Path) -> None:
    empty = {"LATHE_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}
    there = {"LATHE_DATABASE_URL": f"sqlite:///{tmp_path}/lathe.db"}
    upgrade(there["LATHE_DATABASE_URL"])
    (tmp_path / "file").write_text("no folder")
    blocked = {**there, "LATHE_OBJECTS_URL": f"file://{tmp_path}/file"}
    slip = {"LATHE_DATABSE_URL": "sqlite:///lathe.db"}
    up = (*UP, str(tmp_path / "data"))
    wrong: list[tuple[tuple[str, ...], dict[str, str], str]] = [
        (API, {"LATHE_PAGE_SIZE": "0"}, "LATHE_PAGE_SIZE: "),
        (API, empty, "LATHE_DATABASE_URL: this database has no tables yet"),
        (WORKER, {"LATHE_LEASE_S": "-1"}, "LATHE_LEASE_S: "),
        (("worker.sweep",), blocked, "LATHE_OBJECTS_URL: "),
        (("app.migrate",), {"LATHE_DATABASE_URL": AWAY}, "LATHE_DATABASE_URL: the database"),
        (up, slip, "lathe up: LATHE_DATABSE_URL: "),
    ]
    with ThreadPoolExecutor(2) as threads:
        said = threads.map(lambda each: line_of(each[0], each[1]), wrong)
        for line, (_, _, expected) in zip(said, wrong, strict=True):
            assert line.startswith(expected), line
