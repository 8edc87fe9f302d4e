"""A load generator: keep-alive connections that each wait for an answer and ask again.

    python -m benchmarks.api.load PORT CONNECTIONS SECONDS STATUS < requests

`requests` are whole HTTP requests, each behind its length in four bytes; they are asked in
turn. Prints what was seen as JSON: `answers` in `seconds`, `all` with those of the warm-up,
the first three `wrong` ones (of another status), and the latencies `p50_ms` and `p99_ms`. One
request costs it about a third of what a bare Starlette server needs to answer it.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvloop

_WARM_UP_S = 0.3


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes], status: bytes) -> None:
        self._requests, self._expected = requests, b"HTTP/1.1 " + status
        self._transport: Any = None
        self._received, self._missing = b"", 0
        self._asked = 0.0
        self.latencies: list[float] = []
        self.all = 0
        self.wrong: list[str] = []
        self.counts = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first question."""
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Collect an answer; ask again when it is whole."""
        if self._missing:
            self._missing -= len(data)
        else:
            self._received += data
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._received[:end].lower()
            self._missing = _length(head) - (len(self._received) - end - 4)
        if not self._missing:
            self._answered()

    def _answered(self) -> None:
        self.all += 1
        if not self._received.startswith(self._expected):
            self.wrong.append(self._received.decode(errors="replace"))
        if self.counts:
            self.latencies.append(time.perf_counter() - self._asked)
        self._received = b""
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(next(self._requests))


def _length(head: bytes) -> int:
    """The length of the body; an answer without one (304) has none."""
    start = head.find(b"content-length: ")
    return int(head[start + 16 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


async def measure(
    requests: list[bytes], port: int, connections: int, seconds: float, status: str
) -> dict[str, Any]:
    """Ask for `seconds`, after a warm-up that does not count."""
    loop = asyncio.get_running_loop()
    asked = itertools.cycle(requests)
    made = [
        loop.create_connection(lambda: Client(asked, status.encode()), "127.0.0.1", port)
        for _ in range(connections)
    ]
    clients = [client for _, client in await asyncio.gather(*made)]
    await asyncio.sleep(_WARM_UP_S)
    for client in clients:
        client.counts = True
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    for client in clients:
        client.counts = False
    latencies = sorted(1000 * each for client in clients for each in client.latencies)
    if not latencies:
        raise RuntimeError(f"not one answer within {seconds} s")
    return {
        "answers": len(latencies),
        "all": sum(client.all for client in clients),
        "seconds": took,
        "wrong": [answer for client in clients for answer in client.wrong][:3],
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[len(latencies) * 99 // 100],
    }


def _read() -> Iterator[bytes]:
    while length := sys.stdin.buffer.read(4):
        yield sys.stdin.buffer.read(int.from_bytes(length))


def main() -> None:
    """Read the requests, ask them, print what was seen."""
    port, connections, seconds, status = sys.argv[1:]
    asking = measure(list(_read()), int(port), int(connections), float(seconds), status)
    print(json.dumps(uvloop.run(asking)))


if __name__ == "__main__":
    main()
