"""A door in front of an S3 server that can be told to misbehave, one word a line on stdin.

    python -m tests.chaos.proxy <port to listen on> <port of the server>

    pass    bytes go through
    busy    every request is answered 503 SlowDown
    reset   every connection is reset as soon as bytes come
    cut     answers end after their first few bytes
    slow    every piece of an answer takes a while

A new word also drops the connections that are open, as a store that fails would.
"""

import asyncio
import socket
import struct
import sys

_BUSY_BODY = b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>"
_BUSY = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BUSY_BODY), _BUSY_BODY)
)
_PIECE_BYTES = 64 << 10
_SLOW_S = 0.4
_CUT_BYTES = 20


class Proxy:
    """Copies between clients and the server, in the present mood."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._mood = "pass"
        self._open: set[asyncio.StreamWriter] = set()

    def turn(self, mood: str) -> None:
        """Change the mood and drop what is open."""
        self._mood = mood
        for writer in self._open:
            _reset(writer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, until either side ends it."""
        self._open.add(writer)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self._mood:
            case "busy":
                await reader.readuntil(b"\r\n\r\n")
                writer.write(_BUSY)
                await writer.drain()
                while await reader.read(_PIECE_BYTES):  # a body half sent is taken, not reset
                    pass
            case "reset":
                await reader.read(1)
                _reset(writer)
            case _:
                await self._pass(reader, writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, out = await asyncio.open_connection("127.0.0.1", self._server_port)
        up = asyncio.create_task(self._copy(reader, out, answers=False))
        down = asyncio.create_task(self._copy(inside, writer, answers=True))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (up, down):
                each.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            out.close()

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while piece := await source.read(_PIECE_BYTES):
            if answers and self._mood == "cut":
                target.write(piece[:_CUT_BYTES])
                await target.drain()
                return
            if answers and self._mood == "slow":
                await asyncio.sleep(_SLOW_S)
            target.write(piece)
            await target.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: linger for zero seconds (socket(7), SO_LINGER)."""
    raw = writer.get_extra_info("socket")
    if raw is not None and not writer.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


async def main() -> None:
    """Serve until stdin ends."""
    port, server_port = (int(argument) for argument in sys.argv[1:])
    proxy = Proxy(server_port)
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", port)
    async with server:
        while line := await orders.readline():
            proxy.turn(line.decode().strip())


if __name__ == "__main__":
    asyncio.run(main())
