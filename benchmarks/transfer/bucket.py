"""The same service on a real S3 store: for the record, no limit."""

from pathlib import Path

from benchmarks.transfer.rounds import Rounds, Side
from benchmarks.transfer.servers import lathe
from stacks.s3 import S3

MIB = 1 << 20


def bucket_notes(scratch: Path, body: Path) -> list[str]:
    """One upload through the API into a bucket of a server on this machine, in words."""
    server = S3()
    server.begin()
    try:
        secrets = {
            "LATHE_S3_ACCESS_KEY_ID": server.key,
            "LATHE_S3_SECRET_ACCESS_KEY": server.secret,
        }
        with lathe(scratch / "s3-data", server.url, secrets) as service:
            side = Side()
            Rounds(service, service, body).upload(side)
    finally:
        server.end()
    rate, growth = body.stat().st_size / MIB / side.seconds[0], side.growth_bytes[0] / MIB
    return [f"up   lathe on S3     {rate:>7.0f} MiB/s, memory grew by {growth:.0f} MiB"]
