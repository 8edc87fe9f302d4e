"""`python -m app.serve`: one process of the service behind one door.

The same as `uvicorn app.main:app`, with the protocol that bounds slow and endless requests.
More processes are more containers, or more calls of this behind a proxy: behind one port a
scrape of `/metrics` would see one of them by chance.
"""

import argparse

import uvicorn

from app.http.protocol import bounded
from app.settings import Settings
from app.short_slices import take_short_slices


def main() -> None:
    """Serve until stopped."""
    options = _options()
    take_short_slices()
    uvicorn.run(
        "app.main:app",
        host=options.host,
        port=options.port,
        fd=options.fd,
        workers=1,  # whatever WEB_CONCURRENCY says: each process is asked for its own /metrics
        http=bounded(Settings.from_environment()),
        access_log=False,
        server_header=False,
        timeout_keep_alive=options.timeout_keep_alive,
        timeout_graceful_shutdown=options.timeout_graceful_shutdown,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.serve", description="The API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--fd", type=int, help="a socket that listens already")
    parser.add_argument("--timeout-keep-alive", type=int, default=5, help="seconds")
    parser.add_argument("--timeout-graceful-shutdown", type=int, default=2, help="seconds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
