"""Speaking to a server byte by byte, as no client does."""

import socket
import time
from collections.abc import Iterable

LISTENED = 1 << 16


def spoken(
    address: tuple[str, int], pieces: Iterable[bytes], *, every_s: float = 0, within_s: float
) -> tuple[bytes, bool]:
    """What the server answers to these pieces, one `every_s`, and whether it closed the
    connection `within_s`. Bytes that it no longer takes are not sent."""
    heard, ends = b"", time.monotonic() + within_s
    with socket.create_connection(address, timeout=within_s) as line:
        try:
            for piece in pieces:
                line.settimeout(max(ends - time.monotonic(), 0.001))
                line.sendall(piece)
                line.settimeout(max(every_s, 0.001))
                try:
                    heard += line.recv(LISTENED)
                    break
                except TimeoutError:
                    if time.monotonic() > ends:
                        return heard, False
            while (left := ends - time.monotonic()) > 0:
                line.settimeout(left)
                data = line.recv(LISTENED)
                if not data:
                    return heard, True
                heard += data
        except TimeoutError:
            return heard, False
        except (ConnectionError, BrokenPipeError):
            return heard, True
    return heard, False


def head(method: str, path: str, key: str, *lines: str) -> bytes:
    """The head of a connection's only request, with a key."""
    who = f"Authorization: Bearer {key}", "Connection: close"
    first = f"{method} {path} HTTP/1.1", "Host: lathe", *who
    return ("\r\n".join((*first, *lines)) + "\r\n\r\n").encode()
