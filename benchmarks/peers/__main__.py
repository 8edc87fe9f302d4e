"""`make bench-peers`: bytes raw and packed, accuracy, latency, wall time and peak memory.

Lathe works as people use it: uploads, jobs and downloads on a running service. A peer is a
fresh process of its own environment, imports included; one that fails is shown with its error.
A case is made as a whole and replaces what is stored of it; with --only nothing is stored.
A peer's packed file is its file through zstd -19, for which no time is counted. Nobody has
seen the test parts that scores are taken on. --threads is for everybody's compression.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.harness import Line, conclude, service
from benchmarks.peers.case import Case
from benchmarks.peers.cifar import cifar
from benchmarks.peers.contenders import Job, Peer, jobs, peers
from benchmarks.peers.judge import judge
from benchmarks.peers.processes import PeerFailedError, peer
from benchmarks.peers.result import Result, stored
from benchmarks.peers.service import compressed, uploaded
from benchmarks.peers.stsb import stsb
from benchmarks.peers.table import lines, show
from lathe.client import Client
from worker.engine.measure.environment import environment

CASES = {"resnet20": cifar, "resnet56": partial(cifar, layers=56), "minilm": stsb}
EPOCHS = 4
PACKERS = {"zstd -19": "zstd", "xz -9": "xz"}
C = TypeVar("C", Peer, Job)


def main() -> int:
    """Run; 0 when Lathe's best file is no larger and no slower than the peers' best."""
    options = _options()
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    kept: list[Line] = []
    rows: list[Result] = []
    try:
        with service({"LATHE_THREADS": str(options.threads)}) as (client, _):
            for name in options.cases:
                case = CASES[name](options.data, scratch / name)
                results = _compete(client, case, options)
                judge(case, results, options.threads)
                _as_the_original(results)
                show(case, results)
                kept += lines(case, results)
                rows += results
    finally:
        shutil.rmtree(scratch)
    print()
    if options.only:
        return 0
    old_lines, old_rows = stored({row.case for row in rows})
    return conclude(
        "peers",
        old_lines + kept,
        environment(threads=options.threads, device="cpu", seed=0),
        epochs=options.epochs,
        rows=old_rows + [row.stored() for row in rows],
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-peers")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--only", action="append", metavar="NAME", help="of a contender")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of those who prune")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _compete(client: Client, case: Case, options: argparse.Namespace) -> list[Result]:
    """One after the other: nobody works beside another."""
    results = [Result(case.name, "the float model", case.model, case.model.stat().st_size)]
    for name, form in () if options.only else PACKERS.items():
        results.append(_packer(case, name, form, options.threads))
    for one in _asked(peers(case, options.data.resolve(), options.epochs), options):
        print(f"{case.name}: {one.name}", file=sys.stderr, flush=True)
        results.append(_peer(case, one, options.threads))
    there = uploaded(client, case)
    for number, job in enumerate(_asked(jobs(case, options.epochs), options)):
        print(f"{case.name}: {job.name}", file=sys.stderr, flush=True)
        results.append(compressed(client, there, job, case.folder / f"lathe-{number}"))
    return results


def _asked(contenders: Iterable[C], options: argparse.Namespace) -> list[C]:
    """Those that --only names, or all."""
    return [one for one in contenders if not options.only or one.name in options.only]


def _packer(case: Case, name: str, form: str, threads: int) -> Result:
    """The float model through a general packer, and back, for the comparison only."""
    result = Result(case.name, name, raw_bytes=case.model.stat().st_size)
    target = case.folder / f"model.{form}"
    files = (str(case.model), str(target))
    try:
        spent = peer("pack", form, *files, scratch=case.folder, threads=threads)
        peer("pack", "check", *files, scratch=case.folder, threads=threads)
    except PeerFailedError as error:
        result.error = str(error)
        return result
    result.packed_bytes = target.stat().st_size
    result.wall_s, result.peak_bytes = spent.wall_s, spent.peak_bytes
    return result


def _peer(case: Case, one: Peer, threads: int) -> Result:
    result = Result(case.name, one.name)
    target = case.folder / f"{'-'.join(one.name.split())}.onnx"
    packed = target.with_suffix(".zst")
    try:
        spent = peer(
            one.tool, *one.arguments, str(target), scratch=case.folder, threads=threads
        )
        peer("pack", "zstd", str(target), str(packed), scratch=case.folder, threads=threads)
    except PeerFailedError as error:
        result.error = str(error)
        return result
    result.file, result.raw_bytes = target, target.stat().st_size
    result.packed_bytes = packed.stat().st_size
    result.wall_s, result.peak_bytes = spent.wall_s, spent.peak_bytes
    return result


def _as_the_original(results: list[Result]) -> None:
    """What a packer gives back is the float model itself: its score, its latency."""
    original = results[0]
    for result in results:
        if result.name in PACKERS and result.error is None:
            result.score = original.score
            result.latency_ms = original.latency_ms
            result.latency_contended = original.latency_contended


if __name__ == "__main__":
    sys.exit(main())
