"""`python -m app.up`: start the embedded service, say where it is, stop it on Ctrl-C."""

import argparse
import fcntl
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import IO

import httpx

from app.store.bootstrap import bootstrap
from app.store.migrate import upgrade
from app.up.broker import Broker, choose
from app.up.check import check_settings
from app.up.tree import Child, ChildFailed, Tree
from lathe.errors import Refused

READY_S = 60
TICK_S = 0.2
_NICE = "5"  # of jobs: the API and the broker share their cores


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def main() -> int:
    """Run until stopped; 0 after a stop, 1 when a child keeps dying, 2 for bad arguments."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        data = options.data.resolve()
        data.mkdir(parents=True, exist_ok=True)
        with _only_one(data), _listen(options.host, options.port) as door:
            return _serve(data, door, options.cpu_slots, as_json=options.json)
    except Stopped:
        return 0
    except (Refused, OSError, ChildFailed) as error:
        _say(f"lathe up: {error}")
        return 2 if isinstance(error, Refused | OSError) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lathe up", description="The embedded service.")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder for everything")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument(
        "--cpu-slots", type=int, help="compressions at once, which share the cores; default 1"
    )
    parser.add_argument(
        "--json", action="store_true", help="once it is ready, one line of JSON on stdout"
    )
    options = parser.parse_args()
    if options.cpu_slots is not None and options.cpu_slots < 1:
        parser.error("--cpu-slots takes 1 or more")
    return options


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _only_one(data: Path) -> IO[str]:
    """Hold the data folder; raises OSError when another service already has it."""
    lock = (data / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise OSError(
            f"{data} is in use by another `lathe up`; stop it or choose --data"
        ) from None
    return lock


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose --port"
        ) from error


def _serve(data: Path, door: socket.socket, cpu_slots: int | None, *, as_json: bool) -> int:
    logs = data / "logs"
    logs.mkdir(exist_ok=True)
    broker = choose(data)
    environment = _environment(data, broker)
    check_settings(environment)
    database_url = environment["LATHE_DATABASE_URL"]
    upgrade(database_url)
    key = bootstrap(database_url)
    tree = Tree(logs, environment)
    try:
        for child in _children(broker, door, cpu_slots):
            tree.start(child)
        host, port = door.getsockname()[:2]
        url = f"http://{host}:{port}"
        _await_ready(tree, url)
        if as_json:
            facts = {"url": url, "key": key, "data": str(data), "hints": broker.label}
            _say(json.dumps(facts))
        else:
            _say(f"hints    {broker.label}")
            _say(f"data     {data}")
            if key is not None:
                _say(f"key      {key}   (admin; shown this once)")
            _say(f"ready    {url}   (Ctrl-C stops everything)")
        while True:
            for name in tree.watch():
                if not as_json:
                    _say(f"restart  {name} had ended; see {tree.log(name)}")
            time.sleep(TICK_S)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        tree.stop()
        if not as_json:
            _say("stopped")


def _environment(data: Path, broker: Broker) -> dict[str, str]:
    """The parent's environment with the places of the data folder; what a person has set
    stays, so an embedded service can also use a server that is there. Ctrl-C is to be quick,
    so jobs are handed back at once and go on at the next start."""
    places = {
        "LATHE_DATABASE_URL": f"sqlite:///{data / 'lathe.db'}",
        "LATHE_OBJECTS_URL": f"file://{data / 'objects'}",
        "LATHE_BROKER_URL": broker.url,
        "LATHE_WORK_DIR": str(data / "work"),
        "LATHE_NICE": _NICE,
        "LATHE_SIGNING_KEY_FILE": str(data / "signing-key.pem"),
    }
    quiet = {"PYTHONUNBUFFERED": "1", "ORT_DISABLE_TELEMETRY": "1", "LATHE_DRAIN_S": "0"}
    return {**places, **os.environ, **quiet}


def _children(broker: Broker, door: socket.socket, cpu_slots: int | None) -> list[Child]:
    python = sys.executable
    children = []
    if broker.command:
        children.append(Child("broker", broker.command, on_orphaned=signal.SIGTERM))
    api = [python, "-m", "app.serve", "--fd", str(door.fileno())]
    children += [
        Child("api", tuple(api), on_orphaned=signal.SIGTERM, pass_fds=(door.fileno(),)),
        Child("worker-intake", (python, "-m", "worker", "--queue", "intake")),
        Child(
            "worker-cpu",
            (python, "-m", "worker", "--queue", "cpu"),
            settings={} if cpu_slots is None else {"LATHE_SLOTS": str(cpu_slots)},
        ),
        Child("sweep", (python, "-m", "worker.sweep")),
        Child("deliver", (python, "-m", "worker.deliver")),
    ]
    return children


def _await_ready(tree: Tree, url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        tree.watch()
        try:
            if (
                httpx.get(f"{url}/readyz", timeout=5, trust_env=False).status_code
                == httpx.codes.OK
            ):
                return
        except httpx.TransportError:  # not listening yet
            pass
        time.sleep(TICK_S)
    raise ChildFailed(f"not ready after {READY_S} s; see the logs in {tree.log('api').parent}")


def _say(line: str) -> None:
    try:
        print(line, flush=True)  # noqa: T201 - this is what the command is for
    except BrokenPipeError:  # who read it has gone, as in `lathe up | head`; the service stays
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
