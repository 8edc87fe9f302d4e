"""An upload of 1 GiB that is cut three times: once the client is killed, once the API, once the
connection. It must end with the right sha256, and send hardly anything twice.

The Python client sends to the API through a small proxy that counts every byte; it is killed
at a quarter of the file and started again, the API is killed at half of it (SIGKILL, and
started again behind the same door), the connection is reset at three quarters. Nobody tells
the client anything.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from obstore.store import LocalStore, S3Store

from app.store.blobs.object_store import object_store
from benchmarks.harness import Line, conclude
from benchmarks.resume.trial import Trial, trial
from benchmarks.transfer.servers import Server, lathe
from stacks.s3 import S3
from worker.engine.measure.environment import environment

SENT_AGAIN = 0.05
MIB = 1 << 20


def main() -> int:
    """Run; 0 when every limit is kept."""
    options = _options()
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    places = {"files": _files} | ({"S3": _bucket} if options.s3 else {})
    trials: dict[str, Trial] = {}
    try:
        body = _body(scratch, options.mib)
        for name, place in places.items():
            with place(scratch) as (server, store):
                trials[name] = trial(server, body, store, scratch)
            print(f"{name}: {_told(trials[name])}", flush=True)
    finally:
        shutil.rmtree(scratch)
    stamp = environment(threads=1, device="cpu", seed=0)
    notes = [f"{name}: {_told(each)}" for name, each in trials.items()]
    return conclude("resume", list(_lines(trials)), stamp, mib=options.mib, notes=notes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-resume")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--s3", action="store_true", help="also on a real S3 store")
    return parser.parse_args()


def _lines(trials: dict[str, Trial]) -> Iterator[Line]:
    for name, each in trials.items():
        yield Line(
            f"sent again, of the file, on {name}", each.sent_again, SENT_AGAIN, at_least=False
        )
        right = float(each.right)
        yield Line(f"read back with the right sha256, on {name}", right, 1, at_least=True)


def _told(each: Trial) -> str:
    cuts = ", ".join(f"{at / MIB:.0f}" for at in each.cut_at)
    return (
        f"{each.size_bytes / MIB:.0f} MiB in {each.seconds:.1f} s, cut at {cuts} MiB; "
        f"{(each.sent_bytes - each.size_bytes) / MIB:.2f} MiB sent beyond the file"
    )


@contextmanager
def _files(scratch: Path) -> Iterator[tuple[Server, LocalStore | S3Store]]:
    url = f"file://{scratch / 'data' / 'objects'}"
    with lathe(scratch / "data", url, {}) as server:
        yield server, object_store(url)


@contextmanager
def _bucket(scratch: Path) -> Iterator[tuple[Server, LocalStore | S3Store]]:
    stand = S3(within=scratch)
    stand.begin()
    try:
        keys = {"access_key_id": stand.key, "secret_access_key": stand.secret}
        settings = {f"LATHE_S3_{name.upper()}": value for name, value in keys.items()}
        with lathe(scratch / "s3-data", stand.url, settings) as server:
            yield server, object_store(stand.url, **keys)
    finally:
        stand.end()


def _body(scratch: Path, mib: int) -> Path:
    path = scratch / "body.onnx"
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    return path


if __name__ == "__main__":
    sys.exit(main())
