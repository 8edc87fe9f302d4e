"""Two releases of the same service side by side: their trees, and their processes."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from lathe.client import Client
from stacks.children import free_ports, start, stop, wait_until

ROOT = Path(__file__).resolve().parents[2]
_MIGRATE = "import sys; from app.store.migrate import upgrade; upgrade(sys.argv[1])"
_WHERE = "import app, lathe, worker; print(app.__file__, lathe.__file__, worker.__file__)"


@dataclass(frozen=True)
class Release:
    """The code of one release. Both run with the same interpreter and libraries."""

    name: str
    tree: Path

    @property
    def door(self) -> tuple[str, ...]:
        """The module that serves the API, and its options."""
        if (self.tree / "app/serve.py").exists():
            return ("app.serve",)
        return ("uvicorn", "app.main:app", "--no-access-log")  # as releases before it were run

    def check(self) -> None:
        """Raises RuntimeError when this tree's code is not what its processes would run."""
        found = self.run({}, "-c", _WHERE).split()
        if not all(Path(file).is_relative_to(self.tree) for file in found):
            raise RuntimeError(f"{self.name} would run {found}, not {self.tree}")

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """This process's environment with this tree first."""
        return {**os.environ, **settings, "PYTHONPATH": str(self.tree)}

    def run(self, settings: dict[str, str], *arguments: str) -> str:
        """Run Python with this tree until it ends; returns what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment(settings),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} {arguments}:\n{done.stderr[-3000:]}")
        return done.stdout.strip()


def unpacked(ref: str, folder: Path) -> Path:
    """The tree of the commit `ref` in `folder`; raises RuntimeError where git lacks it."""
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", ref],
        capture_output=True,
        check=False,
    )
    if packed.returncode != 0:
        why = packed.stderr.decode(errors="replace").strip()
        raise RuntimeError(
            f"git has no {ref} here ({why}). A shallow clone lacks older commits: run "
            "git fetch --unshallow, or name another release with OLD=<ref>."
        )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


class House:
    """The processes of both releases on one database, one broker and one object store."""

    def __init__(self, settings: dict[str, str], logs: Path) -> None:
        self._settings = settings
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._clients = ExitStack()

    def migrate(self, release: Release) -> None:
        """Bring the database to the schema of `release`."""
        release.run(self._settings, "-c", _MIGRATE, self._settings["LATHE_DATABASE_URL"])

    def bootstrap(self, release: Release) -> str:
        """Make the first project; returns its admin key."""
        return release.run(self._settings, "-m", "app.bootstrap")

    def api(self, release: Release, key: str) -> Client:
        """Start the release's API; returns a client once it is ready."""
        name = f"{release.name}-api"
        with free_ports(1) as (port,):
            pass
        self._start(
            release,
            name,
            *("-m", *release.door, "--host", "127.0.0.1", "--port", str(port)),
        )
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _ready(url), self._processes[name], self._log(name))
        return self._clients.enter_context(Client(url, key))

    def worker(self, release: Release, number: str, queue: str) -> str:
        """Start one of the release's workers; returns its name."""
        name = f"{release.name}-{number}"
        self._start(release, name, "-m", "worker", "--queue", queue, "--name", name)
        return name

    def sweep(self, release: Release) -> None:
        """Start the release's sweep."""
        self._start(release, f"{release.name}-sweep", "-m", "worker.sweep")

    def kill(self, name: str) -> None:
        """SIGKILL the process and its group, at once."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def dismiss(self, name: str) -> None:
        """SIGTERM, as every orchestrator does; returns when the process has ended."""
        stop([self._processes.pop(name)])

    def until(self, holds: Callable[[], bool], what: str, within_s: float = 300) -> None:
        """Poll until it holds; raises AssertionError with every log."""
        deadline = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} never came to be\n{self.logs()}")
            time.sleep(0.1)

    def logs(self) -> str:
        """The end of every log."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}"
            for path in sorted(self._logs.iterdir())
        )

    def close(self) -> None:
        """End everything."""
        self._clients.close()
        for name in list(self._processes):
            self.kill(name)

    def _start(self, release: Release, name: str, *arguments: str) -> None:
        self._processes[name] = start(
            [sys.executable, *arguments],
            self._log(name),
            env=release.environment(self._settings),
            last_words=signal.SIGKILL,
        )

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
