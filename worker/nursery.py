"""A supervisor's hold on its nursery: ask for a child, hear of its end, kill it.

The nursery (`worker.zygote`) is started when the first job comes and kept for the next ones,
so that loading torch and onnxruntime is paid once. It gets a clean environment: nothing of
this process's settings or secrets can be read in it or in its children.
"""

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

from worker.order import MAX_BYTES, NEWS, Born, Died, Kill, Order, Ready

ENGINE = "worker.engine.tasks:perform"

_START_S = 120.0  # loading torch from a cold, busy disk
_BIRTH_S = 10.0
_END_S = 5.0
_ROOT = Path(__file__).resolve().parent.parent

log = logging.getLogger(__name__)


class NurseryBroken(Exception):  # noqa: N818 - reads as the sentence it carries
    """The nursery died or said nothing in time; the next job gets a new one."""


class Nursery:
    """One zygote process and at most one child of it. Use it from one thread only."""

    def __init__(self, entry: str = ENGINE, *, nice: int = 0) -> None:
        self._entry, self._nice = entry, nice
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: socket.socket | None = None

    def bear(self, order: Order, fds: tuple[int, int, int]) -> int:
        """Start the child of `order` with pipe, lock and log; returns its pid.

        The first call takes as long as loading torch does. Raises NurseryBroken.
        """
        wire = self._awake()
        try:
            socket.send_fds(wire, [order.model_dump_json().encode()], list(fds))
        except OSError as error:
            raise self._broken(f"the nursery is gone ({error.strerror})") from error
        news = self._news(_BIRTH_S)
        if not isinstance(news, Born):
            raise self._broken("the nursery bore no child in time")
        return news.pid

    def died(self, timeout_s: float) -> Died | None:
        """The end of the child, or None when it still lives after `timeout_s`."""
        news = self._news(timeout_s)
        if news is None or isinstance(news, Died):
            return news
        raise self._broken(f"the nursery said {news.kind} of a child that runs")

    def kill(self) -> Died:
        """Kill the child and its group and wait for its end.

        A nursery that does not answer is killed with its child: the kernel sends the child
        SIGKILL when its parent goes.
        """
        try:
            self._connected().send(Kill().model_dump_json().encode())
            died = self.died(_END_S)
        except (OSError, NurseryBroken):
            died = None
        if died is None:
            self.close()
            return Died(exit=-9, max_rss_bytes=0)
        return died

    def close(self) -> None:
        """End the zygote and its child; the next order starts a new one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._wire is not None:
            self._wire.close()
        self._process = self._wire = None

    def _awake(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._wire is None:
            self._wire = self._start()
            news = self._news(_START_S)
            if not isinstance(news, Ready):
                raise self._broken(f"the nursery was not ready within {_START_S:.0f} s")
            if news.threads != 1:  # a library began one; its locks may be copied while held
                log.warning("the nursery has %d threads; forks may hang", news.threads)
        return self._wire

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", "-m", "worker.zygote", str(theirs.fileno())]
            command += [str(os.getpid()), self._entry, str(self._nice)]
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                stdin=subprocess.DEVNULL,
                env=_clean_environment(),
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        return ours

    def _news(self, timeout_s: float) -> Ready | Born | Died | None:
        wire = self._connected()
        wire.settimeout(timeout_s)
        try:
            data = wire.recv(MAX_BYTES)
        except (TimeoutError, BlockingIOError):  # the latter for a timeout of zero
            return None
        except OSError as error:
            raise self._broken(f"the nursery is gone ({error.strerror})") from error
        if not data:
            raise self._broken("the nursery died")
        return NEWS.validate_json(data)

    def _connected(self) -> socket.socket:
        if self._wire is None:
            raise NurseryBroken("the nursery is gone")
        return self._wire

    def _broken(self, why: str) -> NurseryBroken:
        self.close()
        return NurseryBroken(why)


def _clean_environment() -> dict[str, str]:
    """Nothing of ours but where CUDA is. onnxruntime would otherwise report its use to its
    maker, from a thread that no fork survives; one OpenMP thread, because a pool of them
    does not survive a fork either (the engine sets its own number later)."""
    cuda = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("CUDA_", "NVIDIA_")) or name == "LD_LIBRARY_PATH"
    }
    return cuda | {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "USER": "lathe",
        "PYTHONPATH": str(_ROOT),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin for each other crawl on a busy host
        "OPENBLAS_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
