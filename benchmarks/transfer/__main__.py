"""Uploads and downloads of 1 GiB: the service against the bare server underneath.

Both run under the same uvicorn and take the same bytes from the same client, a plain socket
that costs next to nothing, in turns on the same disk. The bare server hashes and writes; the
service also checks keys, keeps a row and a job, and has the bytes on the disk when it answers,
so the bare server is timed with an fsync too, as a note. Medians over the rounds.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.harness import Line, conclude
from benchmarks.transfer.bucket import bucket_notes
from benchmarks.transfer.rounds import BARE, LATHE, SAFE, Rounds, Side, share
from benchmarks.transfer.servers import bare, lathe
from worker.engine.measure.environment import environment

UPLOAD, DOWNLOAD, GROWTH_MIB = 0.5, 0.9, 64
MIB = 1 << 20


def main() -> int:
    """Run; 0 when every limit is kept."""
    options = _options()
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    try:
        body = _body(scratch, options.mib)
        notes = bucket_notes(scratch, body) if options.s3 else []
        place = scratch / "data" / "objects"
        with (
            bare(scratch / "bare") as plain,
            lathe(scratch / "data", f"file://{place}", {}) as service,
        ):
            rounds = Rounds(plain, service, body)
            for number in range(1, options.rounds + 1):
                rounds.run(number)
                print(f"round {number}: {_last(rounds)}", flush=True)
            rounds.listen()
    finally:
        shutil.rmtree(scratch)
    notes = [*_notes(rounds, options.mib), *notes]
    for note in notes:
        print(note)
    stamp = environment(threads=1, device="cpu", seed=0)
    return conclude("transfer", _lines(rounds), stamp, notes=notes, seen=_details(rounds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-transfer")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--s3", action="store_true", help="also on a real S3 store, as a note")
    return parser.parse_args()


def _body(scratch: Path, mib: int) -> Path:
    path = scratch / "body"
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    return path


def _lines(rounds: Rounds) -> list[Line]:
    up, down = rounds.up, rounds.down
    return [
        Line("upload, of the bare server's rate", share(up, BARE), UPLOAD, at_least=True),
        Line(
            "download, of a bare 1 MiB FileResponse",
            share(down, BARE),
            DOWNLOAD,
            at_least=True,
        ),
        Line("API memory growth of an upload, MiB", _growth(up), GROWTH_MIB, at_least=False),
        Line("API memory growth of a download, MiB", _growth(down), GROWTH_MIB, at_least=False),
    ]


def _growth(sides: dict[str, Side]) -> float:
    """The worst of all transfers, by RssAnon or VmHWM."""
    return max(sides[LATHE].growth_bytes) / MIB


def _notes(rounds: Rounds, mib: int) -> list[str]:
    notes = [f"upload, of the bare server's rate with fsync: {share(rounds.up, SAFE):.2f}"]
    for what, sides in (("up", rounds.up), ("down", rounds.down)):
        notes += [
            f"{what:<5}{name:<16}{mib / median(side.seconds):>7.0f} MiB/s, "
            f"{median(side.cpu_s) * 1024 / mib:.2f} CPU s/GiB, "
            f"slowest {max(side.seconds):.2f} s, fastest {min(side.seconds):.2f} s"
            for name, side in sides.items()
        ]
    waits = rounds.waits_s
    notes.append(
        f"/healthz during an upload: median {median(waits) * 1e3:.1f} ms, "
        f"slowest {max(waits) * 1e3:.1f} ms of {len(waits)}"
    )
    return notes


def _last(rounds: Rounds) -> str:
    up = ", ".join(f"{name} {side.seconds[-1]:.2f} s" for name, side in rounds.up.items())
    down = ", ".join(f"{name} {side.seconds[-1]:.2f} s" for name, side in rounds.down.items())
    return f"up {up}; down {down}"


def _details(rounds: Rounds) -> dict[str, object]:
    return {
        direction: {
            name: {
                "seconds": side.seconds,
                "cpu_s": side.cpu_s,
                "growth_mib": [size / MIB for size in side.growth_bytes],
            }
            for name, side in sides.items()
        }
        for direction, sides in (("up", rounds.up), ("down", rounds.down))
    } | {"healthz_waits_ms": [wait * 1e3 for wait in rounds.waits_s]}


if __name__ == "__main__":
    sys.exit(main())
