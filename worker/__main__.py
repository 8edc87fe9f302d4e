"""`python -m worker --queue intake`: one worker for one queue, with LATHE_SLOTS slots.

A machine with a GPU runs one for `gpu`, and one for `cpu` beside it only if it should.
"""

import argparse
import os
import socket

from lathe.states import Queue
from worker.celery_app import app, settings


def main() -> None:
    """Turn into a Celery worker; ends with its exit status."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    names = [queue.value for queue in Queue]
    parser.add_argument("--queue", choices=names, required=True, help="where jobs come from")
    parser.add_argument("--name", help="unique in the cluster; default queue, host and pid")
    options = parser.parse_args()
    name = options.name or f"{options.queue}-{os.getpid()}"
    app.worker_main(
        [
            "--quiet",
            "worker",
            *("--queues", options.queue),
            *("--hostname", f"{name}@{socket.gethostname()}"),
            *("--concurrency", str(settings.slots)),
            *("--pool", "prefork"),
            *("--loglevel", settings.log_level.upper()),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
    )


if __name__ == "__main__":
    main()
