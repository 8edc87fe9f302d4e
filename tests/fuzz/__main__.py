"""`make fuzz-parsers`: every parser of what strangers send, against atheris.

Each parser has a process of its own, behind the walls of the real child. What comes out of it
and is no refusal is noted with its input, and the process goes on; a crash, an input of over
5 s or of too much memory ends the process, is noted, and the next process does the rest.
Exits 1 when anything was found; --keep writes `benchmarks/results/fuzz.json`.
"""

import argparse
import sys
from pathlib import Path

from tests.fuzz import results
from tests.fuzz.supervised import Run, run

_TARGETS = Path(__file__).with_name("targets")


def main() -> int:
    """Fuzz those that were named, or all; 0 when nothing was found."""
    every = sorted(path.stem.replace("_", "-") for path in _TARGETS.glob("*.py"))
    parser = argparse.ArgumentParser(prog="make fuzz-parsers")
    parser.add_argument("names", nargs="*", metavar="PARSER", help="default: all of them")
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions of each")
    parser.add_argument("--seconds", type=int, default=0, help="end each after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="store the counts")
    parser.add_argument("--list", action="store_true", help="name them, and run nothing")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(every):
        parser.error(f"there is no parser {', '.join(sorted(unknown))}; --list names all")
    if asked.list:
        print("\n".join(every))
        return 0
    wrong = 0
    for name in asked.names or every:
        done = run(name, runs=asked.runs, seconds=asked.seconds, seed=asked.seed)
        _print(name, done)
        wrong += bool(done.findings)
        if asked.keep:
            results.store(name, done)
    return 1 if wrong else 0


def _print(name: str, done: Run) -> None:
    print(
        f"{name}: {done.executions:,} executions, {done.accepted:,} accepted, "
        f"in {done.seconds:.0f} s ({done.cpu_s:.0f} of CPU), {done.edges} edges, "
        f"slowest {done.slowest_ms:.0f} ms, grew by {done.grown_mb:.0f} MB, "
        f"{len(done.findings)} findings",
        flush=True,
    )
    for finding in done.findings:
        print(f"  {finding['kind']}: {finding['said']}\n    input: {finding['input'][:400]}")
        print("".join(finding["trace"]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
