"""Somebody's file server, which knows ranges and versions and can be made to break off."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """`cuts` says after how many bytes each answer breaks off; `pause_s` is between pieces.
    It may keep the length to itself."""

    url: str
    content: bytes = b""
    cuts: list[int] = field(default_factory=list)
    pause_s: float = 0.0
    tells_length: bool = True
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    sent_bytes: int = 0


@contextmanager
def file_server(piece_bytes: int = 1 << 16) -> Iterator[FileServer]:
    """A server on 127.0.0.1 until the block ends."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            start, asked = 0, self.headers["range"]
            one.asked.append(asked)
            if asked is not None:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
            data = one.content[start:]
            self.send_response(200 if asked is None else 206)
            if one.tells_length:
                self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", '"one"')
            if asked is not None:
                last, whole = len(one.content) - 1, len(one.content)
                self.send_header("Content-Range", f"bytes {start}-{last}/{whole}")
            self.end_headers()
            left = one.cuts.pop(0) if one.cuts else len(data)
            for at in range(0, min(left, len(data)), piece_bytes):
                piece = data[at : min(at + piece_bytes, left)]
                try:
                    self.wfile.write(piece)
                except OSError:  # who asked has gone
                    return
                one.sent_bytes += len(piece)
                if ended.wait(one.pause_s):
                    return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one = FileServer(f"http://127.0.0.1:{server.server_port}/net.onnx")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield one
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
