"""Somebody's server that webhooks are posted to, as well behaved as it is told to be."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Heard:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def message(self) -> str:
        """The id of the message."""
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`statuses` are answered in turn, then 204; each answer takes `pause_s`."""

    url: str
    statuses: list[int] = field(default_factory=list)
    pause_s: float = 0.0
    heard: list[Heard] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on 127.0.0.1 until the block ends."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            ended.wait(one.pause_s)
            one.heard.append(Heard(self.path, headers, body))
            status = one.statuses.pop(0) if one.statuses else 204
            try:
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{one.url}/elsewhere")
                self.send_header("Content-Length", "0" if status == 204 else "6")
                self.end_headers()
                if status != 204:
                    self.wfile.write(b"secret")
            except OSError:  # who asked has gone
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield one
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def until(holds: object, within_s: float = 30.0) -> None:
    """Wait until `holds()` is true."""
    deadline = time.monotonic() + within_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)
