"""The way from a client to a service: it counts, and it can be cut."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

_PIECE_BYTES = 256 << 10
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, what is on the way is lost


class Way:
    """Listens on a port of its own. `sent_bytes` is all that ever came from clients, request
    lines and headers too."""

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", urlsplit(url).port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.sent_bytes = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection on both sides."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    each.shutdown(socket.SHUT_RDWR)
                    each.close()
            self._open.clear()

    def close(self) -> None:
        """Take nobody any more."""
        self._door.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:  # closed
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            for source, target, count in (
                (client, server, self._count),
                (server, client, _nothing),
            ):
                copy = threading.Thread(
                    target=self._copy, args=(source, target, count), daemon=True
                )
                copy.start()

    def _copy(
        self, source: socket.socket, target: socket.socket, count: Callable[[int], None]
    ) -> None:
        room = memoryview(bytearray(_PIECE_BYTES))
        with suppress(OSError):  # either side has gone, or the way was cut
            while size_bytes := source.recv_into(room):
                count(size_bytes)
                target.sendall(room[:size_bytes])
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        with self._lock:
            self._open -= {source, target}

    def _count(self, size_bytes: int) -> None:
        self.sent_bytes += size_bytes


def _nothing(_size_bytes: int) -> None:
    """Answers are not counted."""
