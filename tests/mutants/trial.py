"""One mutant's life: a process that has the changed module in place of the real one.

Importing torch and the engine takes longer than most tests. Other people's libraries are
therefore loaded once for all modules, and what the tests of one module load once for all its
mutants, but for the module itself and whatever imports it: each process loads those anew, with
the module changed.
"""

import ast
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from multiprocessing import get_context
from pathlib import Path
from types import CodeType, ModuleType
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import onnxslim
import pytest
import torch
import torch._dynamo
import torch_pruning

import lathe.job
import lathe.packed.unpack
import lathe.report

LOADED_ONCE = (np, onnx, onnxruntime, onnxslim, torch, torch_pruning, lathe)
Fate = Literal["died", "survived", "out of time"]
LEAST_S, TIMES_AS_LONG = 3, 5
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


class _Refused(MetaPathFinder):
    """Lets nobody import one module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ImportError for the module, which whatever imports it does not catch."""
        del path, target
        if fullname == self._name:
            raise ImportError(f"{fullname} is to be changed")
        return None


def apart() -> ProcessPoolExecutor:
    """A process for one task, which leaves what it loads behind when it ends."""
    return ProcessPoolExecutor(1, mp_context=get_context("fork"))


def load_before(dotted: str, tests: Sequence[Path]) -> None:
    """Import all that `tests` load and that does not need the module `dotted`, for the
    processes that are forked from now on."""
    with apart() as process:
        names = process.submit(_loaded_by, tests).result()
    load_without(dotted, (name for name in names if name.partition(".")[0] != "tests"))
    gc.collect()
    gc.freeze()  # or a collection in each process copies every page of these


def load_without(dotted: str, names: Iterable[str]) -> None:
    """Import each of `names` but those that import `dotted`, directly or not."""
    refused = _Refused(dotted)
    sys.meta_path.insert(0, refused)
    for name in names:
        with suppress(ImportError):  # some are made while others load, as Cython's are
            import_module(name)
    sys.meta_path.remove(refused)


def _loaded_by(tests: Sequence[Path]) -> list[str]:
    """Names of all modules that are there after the tests."""
    _passed(tests)
    return list(sys.modules)


def fate(
    dotted: str, source: Path, tree: ast.Module, tests: Sequence[Path], limit_s: int
) -> tuple[Fate, float]:
    """What becomes of the module with `tree` under `tests`, and the CPU seconds it took.

    Raises RuntimeError where the module is loaded already: every process would share it.
    """
    if dotted in sys.modules:
        raise RuntimeError(f"{dotted} is loaded; a mutant would not take its place")
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
    sys.meta_path.insert(0, _Finder(loader))
    try:
        return _passed(tests)
    except BaseException:  # noqa: BLE001 - a mutant may end in any way
        return 1


def _passed(tests: Sequence[Path]) -> int:
    """pytest's exit status, without a word said; of this process nothing more is said."""
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # half of the time of a short test
    options = ["-x", "-q", "--durations=0", "--no-header", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *map(str, tests)]))


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def limit_of(unchanged_s: float) -> int:
    """CPU seconds that a mutant may take, of those that the unchanged module takes."""
    return max(LEAST_S, int(TIMES_AS_LONG * unchanged_s))


def now() -> str:
    """For the record."""
    return time.strftime("%Y-%m-%d", time.gmtime())
