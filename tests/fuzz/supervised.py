"""Fuzzing one parser to its end, whatever becomes of the process that does it."""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.fuzz.one import CORPUS
from tests.fuzz.watch import counts, findings

MOST_DEATHS = 20
_REPOSITORY = Path(__file__).parents[2]
_EDGES = re.compile(r"^#\d+\s+\w+\s+cov: (\d+)", re.MULTILINE)
_MEMORY = Path("/dev/shm")


@dataclass(slots=True)
class Run:
    """What several processes did together."""

    executions: int = 0
    accepted: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    edges: int = 0
    slowest_ms: float = 0.0
    slowest_input: str = ""
    grown_mb: float = 0.0
    deaths: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)


def run(name: str, *, runs: int, seconds: int, seed: int) -> Run:
    """`runs` executions, or as many as `seconds` allow; 0 is no limit of time."""
    begun, worked_s, done = time.monotonic(), _cpu_s(), Run()
    folder = Path(
        mkdtemp(prefix=f"lathe-fuzz-{name}-", dir=_MEMORY if _MEMORY.is_dir() else None)
    )
    try:
        while done.executions < runs and done.deaths < MOST_DEATHS:
            left_s = seconds - int(time.monotonic() - begun) if seconds else 0
            if seconds and left_s <= 0:
                break
            before = done.executions
            _one_process(name, folder, done, runs - before, left_s, seed + done.deaths)
            if done.executions == before:
                raise RuntimeError(f"{name} does not begin:\n{_log(folder)[-4000:]}")
        done.seconds = round(time.monotonic() - begun, 1)
        done.cpu_s = round(_cpu_s() - worked_s, 1)
    finally:
        shutil.rmtree(folder)
    return done


def _one_process(
    name: str, folder: Path, done: Run, runs: int, seconds: int, seed: int
) -> None:
    command = [sys.executable, "-m", "tests.fuzz.one", name]
    flags = [f"-runs={runs}", f"-max_total_time={seconds}", f"-seed={seed}"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(_REPOSITORY),
        "PYTHONHASHSEED": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "RUST_BACKTRACE": "0",
    }
    with (folder / "log").open("wb") as log:
        ended = subprocess.run(
            [*command, *flags], cwd=folder, env=environment, stdout=log, stderr=log, check=False
        )
    counted = counts(folder) if (folder / "counts").exists() else None
    if counted is None:
        return
    done.executions += counted["executions"]
    done.accepted += counted["accepted"]
    if counted["slowest_ms"] > done.slowest_ms:
        done.slowest_ms = counted["slowest_ms"]
        done.slowest_input = (folder / "slowest").read_bytes()[:1024].hex()
    done.grown_mb = max(done.grown_mb, counted["grown_mb"])
    seen = _EDGES.findall(_log(folder))
    done.edges = max([done.edges, *map(int, seen)])
    known = {each["kind"] for each in done.findings}
    done.findings += [each for each in findings(folder) if each["kind"] not in known]
    if ended.returncode:
        done.deaths += 1
        done.executions += 1  # the one that ended it
        done.findings.append(_death(folder, ended.returncode))


def _death(folder: Path, status: int) -> dict[str, Any]:
    """What a process died of, by libFuzzer's word and the input that it left."""
    left = [path for kind in ("crash", "timeout", "oom") for path in folder.glob(f"{kind}-*")]
    said = [line for line in _log(folder).splitlines() if "ERROR" in line or "SUMMARY" in line]
    given = left[0].read_bytes()[:4096].hex() if left else ""
    kind = left[0].name.partition("-")[0] if left else f"exit {status}"
    for path in left:
        (folder / CORPUS / path.name).unlink(missing_ok=True)
        path.unlink()
    trace = [f"{line}\n" for line in _log(folder).splitlines()[-40:]]
    return {"kind": kind, "said": " ".join(said)[:500], "input": given, "trace": trace}


def _log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
