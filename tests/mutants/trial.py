"""One mutant's life: a process that has the changed module in place of the real one.

What tests import beside the engine is loaded once, before the processes are forked: it takes
longer than most tests. The engine itself each of them loads anew, with one module changed.
"""

import ast
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import onnxslim
import pytest
import torch
import torch_pruning

import lathe.job
import lathe.packed.unpack
import lathe.report

LOADED_BEFORE = (np, onnx, onnxruntime, onnxslim, torch, torch_pruning, lathe)
Fate = Literal["died", "survived", "out of time"]
LEAST_S, TIMES_AS_LONG = 10, 5
PASSED = int(pytest.ExitCode.OK)


class _Changed(SourceFileLoader):
    """A source file whose tree is another."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        super().__init__(name, str(path))
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType | None:
        """Of the changed tree, whatever lies compiled beside the file."""
        return compile(self._tree, self.get_filename(fullname), "exec")


class _Finder(MetaPathFinder):
    """Finds one module, the changed one."""

    def __init__(self, loader: _Changed) -> None:
        self._loader = loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """That of the changed module under its name."""
        del path, target
        loader: Loader = self._loader
        return spec_from_loader(fullname, loader) if fullname == self._loader.name else None


def fate(
    dotted: str, source: Path, tree: ast.Module, tests: Sequence[Path], limit_s: int
) -> tuple[Fate, float]:
    """What becomes of the module with `tree` under `tests`, and the CPU seconds it took.

    Raises RuntimeError where the engine is loaded already: every process would share it.
    """
    if "worker.engine" in sys.modules:
        raise RuntimeError("worker.engine is loaded; a mutant would not take its place")
    begun_s = _children_s()
    child = os.fork()
    if child == 0:
        os._exit(_lived(_Changed(dotted, source, tree), tests, limit_s))
    _, status = os.waitpid(child, 0)
    took_s = _children_s() - begun_s
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM):
        return "out of time", took_s
    return ("survived" if status == PASSED else "died"), took_s


def _lived(loader: _Changed, tests: Sequence[Path], limit_s: int) -> int:
    """In the child: the exit status of pytest."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(20 * limit_s)  # one that waits uses no CPU
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    sys.meta_path.insert(0, _Finder(loader))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # half of the time of a short test
    options = ["-x", "-q", "--durations=0", "--no-header", "-p", "no:cacheprovider"]
    try:
        return int(pytest.main([*options, *map(str, tests)]))
    except BaseException:  # noqa: BLE001 - a mutant may end in any way
        return 1


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def limit_of(unchanged_s: float) -> int:
    """CPU seconds that a mutant may take, of those that the unchanged module takes."""
    return max(LEAST_S, int(TIMES_AS_LONG * unchanged_s))


def now() -> str:
    """For the record."""
    return time.strftime("%Y-%m-%d", time.gmtime())
