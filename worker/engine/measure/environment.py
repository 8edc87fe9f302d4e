"""Where numbers come from: the CPU, its instructions, and the versions of what ran."""

import importlib.metadata
import os
import platform
from functools import cache
from pathlib import Path

from lathe import __version__
from lathe.report import Environment

CPUINFO = Path("/proc/cpuinfo")
LIBRARIES = (
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "onnxslim",
    "safetensors",
    "torch",
    "torch-pruning",
)
NAME_KEYS = ("model name", "Model", "Hardware", "CPU implementer")  # x86, then ARM's habits
X86 = {"x86_64", "AMD64"}
INTEGER_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni"}


def environment(*, threads: int, device: str, seed: int) -> Environment:
    """The stamp of a report made here and now; `threads` are those of the timing."""
    kernel = os.uname()
    return Environment(
        lathe_version=__version__,
        libraries=versions(),
        cpu=cpu_name(),
        cores=cores(),
        threads=threads,
        device=device,
        platform=f"{kernel.sysname} {kernel.release} {kernel.machine}",
        seed=seed,
    )


@cache
def versions() -> dict[str, str]:
    """Python's version and those of the libraries whose numerics reach a result."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # not every install has every library, and a missing one did no work
    return found


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """The processor's name, or its architecture where the system does not tell."""
    fields = _fields(cpuinfo)
    return next((fields[key] for key in NAME_KEYS if fields.get(key)), os.uname().machine)


def saturates(cpuinfo: Path = CPUINFO, machine: str | None = None) -> bool:
    """Whether U8 x S8 products may overflow their 16-bit sums on this CPU.

    x86 without VNNI adds pairs of products with vpmaddubsw, which saturates at 32767: two
    products of 255 * 127 need 64770. Weights of 7 bits stay below. Intel 64 and IA-32
    Architectures Software Developer's Manual, volume 2, VPMADDUBSW.
    """
    if (machine or os.uname().machine) not in X86:
        return False
    return INTEGER_DOT_PRODUCTS.isdisjoint(_fields(cpuinfo).get("flags", "").split())


def _fields(cpuinfo: Path) -> dict[str, str]:
    """Of the first processor listed."""
    fields: dict[str, str] = {}
    for line in cpuinfo.read_text().splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    return fields
