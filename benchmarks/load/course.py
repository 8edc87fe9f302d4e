"""One run: idle, loaded, idle again, then the whole crowd leaves and comes back at once."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load.clients import Clients, clients
from benchmarks.load.samples import Flatness, Sample, Samples, flatness
from benchmarks.load.stand import SLOTS, Stand
from benchmarks.load.verify import faults
from benchmarks.load.work import Work
from lathe.client import Client

POLLS_A_SECOND = 200
STREAMS = 500  # are open at every moment
_SPARE = 60  # followers more: one whose job has ended thinks before it goes on
_RESTING = 20  # jobs that wait for a GPU
_DEPTH = 16  # compressions that run or wait
_WARM_JOBS = 2 * SLOTS
_SETTLE_S = 5.0
_CAUGHT_UP_S = 3.0
_PATIENCE_S = 600.0  # jobs of nice 19 on a host that is busy otherwise


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the parts; `loaded_s` is cut into windows of `window_s`."""

    idle_s: float
    loaded_s: float
    window_s: float


@dataclass(slots=True)
class Seen:
    """What a run brought to light. Windows are those of `benchmarks.load.polls`."""

    windows: list[dict[str, Any]] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    memory: Flatness | None = None
    samples: Sequence[Sample] = ()
    cpu: dict[str, float] = field(default_factory=dict)  # cores, by who and when
    least_open: int = 0
    back_s: dict[str, float] = field(default_factory=dict)  # until all streams are open again
    files: dict[str, int] = field(default_factory=dict)  # open ones of the API, by when
    jobs: dict[str, int] = field(default_factory=dict)
    errors_logged: list[str] = field(default_factory=list)

    def of(self, kind: str, what: str) -> list[float]:
        """All figures of the windows whose name begins so."""
        found = [each[what] for each in self.windows if each["name"].startswith(kind)]
        return [value for values in found for value in values]


class Course:
    """Drives one run on a stand."""

    def __init__(self, stand: Stand, times: Times) -> None:
        self._stand, self._times = stand, times
        self._seen = Seen()
        self._stack = ExitStack()

    def run(self) -> Seen:
        """All of it; raises RuntimeError when a part does not come about in time."""
        with self._stack as stack:
            lathe = stack.enter_context(Client(self._stand.url, self._stand.key))
            self._clients: Clients = stack.enter_context(
                clients(self._stand.url, self._stand.key, POLLS_A_SECOND)
            )
            self._work = stack.enter_context(
                Work(lathe, self._clients, self._stand.database_url, _DEPTH)
            )
            self._samples = stack.enter_context(Samples(self._stand.pid("api")))
            self._warm_up()
            self._idle("idle before")
            self._loaded()
            self._crowd_returns("herd", self._cut_all)
            self._verify()
            self._calm_down()
            self._idle("idle after")
            self._crowd_returns("restart", self._kill_api)
            self._end()
        return self._seen

    def _warm_up(self) -> None:
        self._work.submit(_RESTING, device="cuda")
        self._work.submit(_WARM_JOBS)
        self._until("the first jobs", lambda: len(self._finished()) >= _WARM_JOBS)
        self._window("warm", _SETTLE_S)

    def _idle(self, name: str) -> None:
        """The same polls, while no stream is open and no job runs."""
        before = self._cpu()
        self._window(name, self._times.idle_s)
        self._note_cpu(name, before)
        self._seen.files[name] = self._samples.taken[-1].files

    def _loaded(self) -> None:
        self._work.flow()
        self._clients.window("opening")
        self._fill()
        self._keep(_SETTLE_S)
        self._close("")
        before, began_s, left_s = self._cpu(), time.monotonic(), self._times.loaded_s
        least = STREAMS + _SPARE
        while left_s > 0:
            self._window(f"loaded {self._times.loaded_s - left_s:.0f} s", self._times.window_s)
            least = min(least, self._least_open)
            left_s -= self._times.window_s
        self._note_cpu("loaded", before)
        self._seen.least_open = least
        self._seen.samples = self._samples.within(began_s, time.monotonic())
        self._seen.memory = flatness(self._seen.samples)
        self._seen.files["loaded"] = self._seen.samples[-1].files

    def _crowd_returns(self, name: str, goes: Any) -> None:
        if not self._clients.tell()["open"]:
            self._fill()
        self._clients.window(name)
        began_s = time.monotonic()
        goes()
        self._fill()
        self._seen.back_s[name] = time.monotonic() - began_s
        self._keep(_SETTLE_S)
        self._close("")

    def _cut_all(self) -> None:
        self._clients.herd(after_s=0.0)

    def _kill_api(self) -> None:
        self._told_before = self._clients.tell()
        os.kill(self._stand.pid("api"), signal.SIGKILL)
        self._until("the crowd's notice", lambda: self._clients.tell()["open"] < STREAMS)

    def _verify(self) -> None:
        """While the streams are open."""
        earlier = self._work.feeds()
        self._keep(_CAUGHT_UP_S)
        self._seen.told = told = self._clients.tell()
        self._seen.faults = [*told["faults"], *faults(told, earlier, self._work.feeds())]

    def _calm_down(self) -> None:
        self._clients.follow(0)
        self._work.rest()
        self._keep(_SETTLE_S)

    def _end(self) -> None:
        after = self._clients.tell()["counts"]
        for kind in ("lost", "repeated"):
            if more := after.get(kind, 0) - self._told_before["counts"].get(kind, 0):
                self._seen.faults.append(f"restart: {more} events {kind}")
        self._clients.follow(0)
        self._work.rest()
        now = self._work.standings()
        self._seen.jobs = {"finished": len(now.finished), "failed": len(now.failed)}
        self._seen.errors_logged = _errors(self._stand)

    def _fill(self) -> None:
        self._clients.follow(STREAMS + _SPARE)
        self._until("open streams", lambda: self._clients.tell()["open"] >= STREAMS)

    def _window(self, name: str, seconds: float) -> None:
        self._clients.window(name)
        self._keep(seconds)
        self._close("")

    def _close(self, next_name: str) -> None:
        self._least_open = self._clients.tell()["least_open"]
        self._seen.windows.append(self._clients.window(next_name))

    def _keep(self, seconds: float) -> None:
        """Let it go on for so long; what the work met meanwhile is raised here."""
        time.sleep(seconds)
        if self._work.trouble is not None:
            raise RuntimeError("the work stopped") from self._work.trouble

    def _until(self, what: str, reached: Any) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not reached():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what}: not within {_PATIENCE_S:.0f} s")
            self._keep(0.1)

    def _finished(self) -> list[str]:
        return self._work.standings().finished

    def _cpu(self) -> tuple[float, dict[str, float]]:
        last = self._samples.taken[-1]
        clients_s = self._clients.tell()["cpu_s"]
        seen = {"api": last.cpu_s, "api waits": last.waited_s, "clients": clients_s}
        return last.at_s, seen

    def _note_cpu(self, when: str, before: tuple[float, dict[str, float]]) -> None:
        at_s, after = self._cpu()
        for who, seconds in after.items():
            cores = (seconds - before[1][who]) / (at_s - before[0])
            self._seen.cpu[f"{who}, {when}"] = cores


def _errors(stand: Stand) -> list[str]:
    lines = (stand.logs / "api.log").read_text(errors="replace").splitlines()
    return [line[:400] for line in lines if '"level":"error"' in line][:20]
