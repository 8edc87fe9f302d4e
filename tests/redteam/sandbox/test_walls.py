"""What code could try that runs in the child after all: the engine here does as it is told."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pyseccomp
import pytest

from tests.redteam.sandbox import acts
from tests.redteam.sandbox.breach import (
    ADDRESSES,
    DATA,
    FILE_SIZE,
    LANDLOCK,
    OPEN_FILES,
    RIGHTS,
    SECCOMP,
    WALLS,
    WATCH,
)
from tests.redteam.sandbox.conftest import Owned
from tests.redteam.sandbox.ring import ringed_socket
from tests.redteam.throwaway import outcome
from worker.sandbox.landlock import SCOPES_ABI, landlock_abi

SOCKETS = "seccomp: no socket of any kind, and of landlock no TCP"
FILES = "landlock: the job's own folder, and for reading the programs it runs on"
PROCESSES = "seccomp: no new process, no program, no signal to another, no window into one"
NETWORK_ABI = 4  # of landlock
RIGHTS_OF_ROOT = (RIGHTS,) if os.geteuid() == 0 else ()  # nobody else has any to lose
_WILLING = """
import ctypes, sys
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # Yama: whoever wants may trace this
print("there", flush=True)
sys.stdin.read()
"""


def since(abi: int) -> tuple[str, ...]:
    """Landlock, where the kernel's is so new."""
    return (LANDLOCK,) if landlock_abi() >= abi else ()


def without(*walls: str) -> dict[str, Any]:
    """What an upload says that is to be opened without these, and with all others."""
    return {"without": list(walls)}


def all_but(wall: str) -> dict[str, Any]:
    """What an upload says that is to be opened behind this one alone."""
    return without(*(each for each in WALLS if each != wall))


def tried(owned: Owned, wish: dict[str, Any]) -> tuple[str, str]:
    """The code and the detail that the uploader sees."""
    view = owned.door.sent("models", json.dumps(wish).encode())
    assert view["state"] == "rejected", view
    return view["failure"]["code"], view["failure"]["detail"]


class _Walled(ABC):
    """An act that each of `walls` refuses alone, and that works where just those lack."""

    seen: ClassVar[str] = "model rejected, `internal`: the engine met `PermissionError`"
    guard: ClassVar[str]
    walls: ClassVar[tuple[str, ...]] = (SECCOMP,)

    @abstractmethod
    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        """The act, and what it is aimed at."""

    def test_the_child_is_refused_and_the_user_is_told(
        self, owned: Owned, tmp_path: Path
    ) -> None:
        self.refused(owned, self.wish(owned, tmp_path))

    def test_each_of_its_walls_refuses_it_alone(self, owned: Owned, tmp_path: Path) -> None:
        for wall in self.walls:
            self.refused(owned, self.wish(owned, tmp_path) | all_but(wall))

    def test_it_works_without_the_guard(self, owned: Owned, tmp_path: Path) -> None:
        code, detail = tried(owned, self.wish(owned, tmp_path) | without(*self.walls))
        assert detail.startswith("done: "), (code, detail)

    def refused(self, owned: Owned, wish: dict[str, Any]) -> None:
        """Check that it ends as a mistake of an engine's does."""
        code, detail = tried(owned, wish)
        assert code == "internal", (wish, detail)
        assert "PermissionError" in detail or "OSError" in detail


class TestBroker(_Walled):
    """The broker's socket, over which workers are told what to do"""

    guard = SOCKETS

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "unix", "path": str(owned.broker)}


class TestApi(_Walled):
    """A TCP connection to the API, as to any other server inside"""

    guard = SOCKETS
    walls = (SECCOMP, *since(NETWORK_ABI))

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "tcp", "port": owned.door.address[1]}


class TestDatagram(_Walled):
    """A datagram to anywhere, such as a name server"""

    guard = SOCKETS

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "udp"}


@contextmanager
def listening(name: str) -> Iterator[None]:
    """Somebody who answers under a name that is in no folder."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen()

        def greet() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(6)  # the question first, or the answer breaks it off
                line.send(b"+PONG")

        threading.Thread(target=greet, daemon=True).start()
        yield


class TestAbstractSocket(_Walled):
    """A Unix socket that has a name and no path, so that no rule of paths holds for it"""

    guard = SOCKETS
    walls = (SECCOMP, *since(SCOPES_ABI))

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "unix", "path": f"@{self.name}"}

    @pytest.fixture(autouse=True)
    def _there(self) -> Iterator[None]:
        self.name = f"lathe-{uuid.uuid4().hex}"
        with listening(self.name):
            yield


class TestDatabase(_Walled):
    """The database, in which keys and every project's jobs are"""

    guard = FILES
    walls = (LANDLOCK,)

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "read", "path": str(owned.door.data / "lathe.db")}


class TestSigningKey(_Walled):
    """The key that manifests are signed with"""

    guard = FILES
    walls = (LANDLOCK,)

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        path = owned.door.data / "signing-key.pem"
        path.touch()
        return {"act": "read", "path": str(path)}


class TestAnothersObject(_Walled):
    """Another project's model, as it lies in the store"""

    guard = FILES
    walls = (LANDLOCK,)

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        path = owned.door.data / "objects" / "theirs"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"s3cret")
        return {"act": "read", "path": str(path)}


class TestPlanting(_Walled):
    """A file planted where something else reads it"""

    guard = FILES
    walls = (LANDLOCK,)

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "write", "path": str(folder / "planted")}


class TestSupervisorsSettings(_Walled):
    """The environment of the process above, where secrets may be"""

    guard = FILES
    walls = (LANDLOCK, *RIGHTS_OF_ROOT)

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "parent_environ"}


class TestFork(_Walled):
    """A fork, and with it a bomb of them"""

    guard = PROCESSES

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "fork"}


class TestProgram(_Walled):
    """Another program"""

    guard = PROCESSES
    walls = (SECCOMP, LANDLOCK)

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "exec"}


class TestProgramInMemory(_Walled):
    """A program that lies in memory and in no folder"""

    guard = PROCESSES

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "memfd"}


class TestSignal(_Walled):
    """A signal to the service's own process"""

    guard = PROCESSES
    walls = (SECCOMP, *since(SCOPES_ABI))

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "signal", "pid": owned.supervisor}


class TestDebugger(_Walled):
    """A debugger's hold on another process, which reads and writes all that is in it"""

    guard = PROCESSES
    walls = (SECCOMP, LANDLOCK, *RIGHTS_OF_ROOT)

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "ptrace", "pid": self.pid}

    @pytest.fixture(autouse=True)
    def _there(self) -> Iterator[None]:
        with subprocess.Popen(
            [sys.executable, "-c", _WILLING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"there\n"
            self.pid = process.pid
            yield
            process.kill()


class TestRing(_Walled):
    """A ring of io_uring, through which the kernel makes the calls that a filter refuses"""

    guard = "seccomp: no io_uring, nor anything else that is not on the list"

    def wish(self, owned: Owned, folder: Path) -> dict[str, Any]:
        return {"act": "ring"}

    def test_it_works_without_the_guard(self, owned: Owned, tmp_path: Path) -> None:
        _needs_rings()
        super().test_it_works_without_the_guard(owned, tmp_path)

    def test_a_filter_of_sockets_does_not_see_it_without_the_guard(self) -> None:
        _needs_rings()
        assert outcome(_past_a_filter) == 0


def _needs_rings() -> None:
    try:
        ringed_socket().close()
    except OSError as error:
        pytest.skip(f"this machine lets nobody use io_uring so: {error}")


def _past_a_filter() -> None:
    """Refuse this process every socket, see one refused, and have a ring make it."""
    filtering = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    filtering.add_rule(pyseccomp.ERRNO(errno.EPERM), "socket")
    filtering.load()
    with pytest.raises(PermissionError):
        acts.ACTS["udp"]({})
    assert acts.ACTS["ring"]({}) == 1


class _Capped:
    """An act that breaks a cap, which has a name of its own; each of `walls` keeps it alone."""

    guard: ClassVar[str]
    wish: ClassVar[dict[str, Any]]
    codes: ClassVar[set[str]]
    walls: ClassVar[tuple[str, ...]]

    def test_the_child_is_stopped_and_the_user_is_told_which_cap(self, owned: Owned) -> None:
        code, detail = tried(owned, self.wish)
        assert code in self.codes, detail

    def test_each_of_its_walls_stops_it_alone(self, owned: Owned) -> None:
        for wall in self.walls:
            code, detail = tried(owned, self.wish | all_but(wall))
            assert code in self.codes, (wall, detail)

    def test_it_goes_through_without_the_guard(self, owned: Owned) -> None:
        code, detail = tried(owned, self.wish | without(*self.walls))
        assert detail.startswith("done: "), (code, detail)


class TestMemory(_Capped):
    """More memory than an inspection may have"""

    seen = "model rejected, `out_of_memory`"
    guard = "`LATHE_INSPECT_MEMORY_BYTES`"
    wish: ClassVar = {"act": "memory", "bytes": 5 << 28}
    codes: ClassVar = {"out_of_memory"}
    walls: ClassVar = (DATA, ADDRESSES, WATCH)


class TestSharedMemory(_Capped):
    """The same, of the kind that the data limit does not count"""

    seen = "model rejected, `out_of_memory`, or `internal`: it met `OSError`"
    guard = "the limit of address space"
    wish: ClassVar = {"act": "shared_memory", "bytes": 8 << 30}
    codes: ClassVar = {"out_of_memory", "internal"}
    walls: ClassVar = (ADDRESSES,)


class TestFilling(_Capped):
    """A file that fills the disk"""

    seen = "model rejected, `too_much_written`"
    guard = "`LATHE_CHILD_FILE_BYTES`"
    wish: ClassVar = {"act": "fill", "bytes": 256 << 20}
    codes: ClassVar = {"too_much_written", "out_of_disk"}
    walls: ClassVar = (FILE_SIZE,)


class TestThreads(_Capped):
    """Hundreds of threads"""

    seen = "model rejected, `too_many_threads`"
    guard = "`LATHE_CHILD_THREADS`"
    wish: ClassVar = {"act": "threads", "count": 300, "seconds": 3}
    codes: ClassVar = {"too_many_threads"}
    walls: ClassVar = (WATCH,)


class TestOpenFiles(_Capped):
    """Thousands of open files"""

    seen = "model rejected, `internal`: it met `OSError`"
    guard = "a thousand open files"
    wish: ClassVar = {"act": "files", "count": 5000}
    codes: ClassVar = {"internal"}
    walls: ClassVar = (OPEN_FILES,)
