"""The walls around a child that opens what strangers uploaded.

    limits     memory, CPU time, file size, open files, no core dump
    landlock   files: only the Python it runs on, its own folder, a little of /proc and /sys
    seccomp    no sockets, no other process, no program, nothing of the kernel's insides
    rights     no new privileges; of root's capabilities only reading past file modes

Limits always hold. What else the kernel does not have is named in `Confinement.missing`;
`required` refuses to go on then.

Memory is limited twice. RLIMIT_DATA holds what a child can fill with its own bytes: private
writable pages, its heap and stacks (setrlimit(2)); pages of a file that is only read do not
count, so a data set may be larger than the limit. Shared anonymous memory counts in RLIMIT_AS
alone, so that one leaves room for the same limit, for what the loaded libraries have mapped
already, and for the maps of the staged files, no more.

CUDA reserves far more address space than it uses and talks to the driver through device
files. So with `gpu` memory is not limited here: `watch` beside this file kills who takes too
much. /dev/nvidia* may be used, and read may be /sys and of /proc all but other processes.
"""

import ctypes
import errno
import logging
import os
import resource
import struct
import sys
import sysconfig
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

from lathe.errors import Unavailable
from lathe.spec import Fact
from worker.sandbox.landlock import SCOPES_ABI, landlock_abi, no_new_privileges, restrict_files

try:
    from worker.sandbox.syscalls import restrict_syscalls
except (ImportError, RuntimeError) as error:  # no pyseccomp, or no libseccomp below it
    logging.getLogger(__name__).warning("seccomp cannot be used: %s", error)
    HAS_SECCOMP = False
else:
    HAS_SECCOMP = True

Mode = Literal["required", "auto", "off"]

_CPU_GRACE_S = 5  # between SIGXCPU and SIGKILL
_NPROC = 8192  # counts the user's other threads too; seccomp is what stops new processes
_NOFILE = 1024
_MAPS = 4  # of one staged file: train, calibration and evaluation may be one split, and a spare
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
_CAP_DAC_READ_SEARCH = 2
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

_PYTHON = (Path(sys.prefix), Path(sys.base_prefix), Path(sysconfig.get_path("stdlib")))
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/passwd",
    "/etc/nsswitch.conf",
)  # fmt: skip
_MACHINE = (
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg",
    "/proc/pressure", "/sys/devices/system/cpu", "/sys/devices/system/node",
    "/sys/fs/cgroup", "/sys/class/powercap", "/sys/devices/virtual/powercap",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

_libc = ctypes.CDLL(None, use_errno=True)


class Policy(Fact):
    """What one child may do. `memory_bytes` is what it may allocate, `mapped_bytes` address
    space on top for the files it maps; CPU seconds add up threads. The last caps have no limit
    in the kernel: `watch` keeps them. `time_limit` is who set `cpu_s`, for people."""

    mode: Mode
    read: tuple[Path, ...]
    write: tuple[Path, ...]
    memory_bytes: int
    cpu_s: int
    file_bytes: int
    mapped_bytes: int = 0
    gpu: bool = False
    threads: int = 512
    folder_bytes: int = 128 << 30
    folder_files: int = 1_000_000
    time_limit: str = "resources.max_run_s"
    memory_limit: str = "LATHE_CHILD_MEMORY_BYTES"

    def with_staged(self, staged_bytes: int) -> Self:
        """The same with room to map files of `staged_bytes`, as a whole and split by split."""
        return self.model_copy(update={"mapped_bytes": _MAPS * staged_bytes})


class Confinement(Fact):
    """What the kernel gave, or would give."""

    landlock_abi: int
    seccomp: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """The walls that are not there, each with what they would have stopped."""
        gaps = []
        if self.landlock_abi == 0:
            gaps.append("landlock (files outside the job's folder)")
        elif self.landlock_abi < SCOPES_ABI and not self.seccomp:
            gaps.append(f"landlock's signal scope (ABI {self.landlock_abi} has none)")
        if not self.seccomp:
            gaps.append("seccomp (sockets, programs, other processes)")
        return tuple(gaps)


def available() -> Confinement:
    """What this machine could give a child; changes nothing."""
    return Confinement(landlock_abi=landlock_abi(), seccomp=HAS_SECCOMP and _has_filters())


def lacking(mode: Mode) -> tuple[str, ...]:
    """The walls that children under `mode` will not have here."""
    return ("all of them (LATHE_SANDBOX=off)",) if mode == "off" else available().missing


def confine(policy: Policy) -> Confinement:
    """Build the walls around this process, for good. Call it with one thread.

    Raises Unavailable where `required` walls are missing, before any was built.
    """
    machine = available()
    if policy.mode == "required" and machine.missing:
        raise Unavailable(
            f"LATHE_SANDBOX=required, but this machine lacks {', '.join(machine.missing)}"
        )
    _limit(policy)
    _be_the_first_to_go()
    if policy.mode == "off":
        return Confinement(landlock_abi=0, seccomp=False)
    no_new_privileges()
    _drop_capabilities()
    if machine.landlock_abi:
        readable = (*_readable(policy.gpu), *policy.read)
        restrict_files(readable, policy.write, _devices(policy.gpu))
    if machine.seccomp:
        restrict_syscalls()
    return machine


def _has_filters() -> bool:
    """Whether the kernel takes seccomp filters: one at no address is a bad address then, and
    an unknown mode where it takes none (prctl(2), PR_SET_SECCOMP)."""
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    return ctypes.get_errno() == errno.EFAULT


def _limit(policy: Policy) -> None:
    limits = {
        resource.RLIMIT_CPU: (policy.cpu_s, policy.cpu_s + _CPU_GRACE_S),
        resource.RLIMIT_FSIZE: (policy.file_bytes, policy.file_bytes),
        resource.RLIMIT_NOFILE: (_NOFILE, _NOFILE),
        resource.RLIMIT_NPROC: (_NPROC, _NPROC),
        resource.RLIMIT_CORE: (0, 0),
    }
    if not policy.gpu:
        addresses = policy.memory_bytes + policy.mapped_bytes + _mapped_already()
        limits[resource.RLIMIT_DATA] = (policy.memory_bytes, policy.memory_bytes)
        limits[resource.RLIMIT_AS] = (addresses, addresses)
    for kind, (soft, hard) in limits.items():
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:  # never above what we were given
            soft, hard = min(soft, ceiling), min(hard, ceiling)  # noqa: PLW2901 - clamped
        resource.setrlimit(kind, (soft, hard))


def _be_the_first_to_go() -> None:
    """Where the machine runs out of memory the kernel kills this process before any of the
    service's (proc(5), oom_score_adj). No wall, and not every container has the file."""
    with suppress(FileNotFoundError, PermissionError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _mapped_already() -> int:
    """Address space of this process as it is: mostly its libraries (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _drop_capabilities() -> None:
    """Root keeps the right to read past file modes, so that it can load its own code from a
    folder of another user; everything else of root's power goes (capset(2))."""
    if os.geteuid() != 0:
        return
    kept = 1 << _CAP_DAC_READ_SEARCH
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    data = struct.pack("=6I", kept, kept, 0, 0, 0, 0)
    if _libc.capset(header, data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _readable(gpu: bool) -> list[Path]:  # noqa: FBT001 - the policy's word
    packages = [Path(place) for name in ("lathe", "worker") for place in _places(name)]
    own = [Path(path) for path in (*_SYSTEM, *_MACHINE)]
    return [*_PYTHON, *packages, *own, *(_driver() if gpu else ())]


def _driver() -> list[Path]:
    """What CUDA reads of the machine: /sys, and /proc without its processes."""
    own = (path for path in Path("/proc").iterdir() if not path.name.isdigit())
    return [Path("/sys"), *own]


def _places(package: str) -> list[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _devices(gpu: bool) -> list[Path]:  # noqa: FBT001 - the policy's word
    nvidia = sorted(Path("/dev").glob("nvidia*")) if gpu else []
    return [*(Path(path) for path in _DEVICES), *nvidia]
