"""A response of server-sent events, which ends when there are no more or nobody listens."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, nullcontext

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SSE = "text/event-stream"


class EventResponse(Response):
    """Sends what `told` yields, and stops it when the client goes.

    Starlette's StreamingResponse does the same with a group of tasks; two plain ones cost half
    as much, and a crowd that comes back after a restart opens hundreds at once.
    """

    def __init__(
        self,
        told: AsyncIterator[bytes],
        headers: Mapping[str, str],
        place: AbstractContextManager[object] | None = None,
    ) -> None:
        """`place` is held as long as the stream is open; entering it may refuse the stream."""
        self.status_code, self.media_type, self.background = 200, SSE, None
        self.init_headers({**headers, "X-Accel-Buffering": "no"})
        self._told, self._place = told, place or nullcontext()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Returns when all is sent or the client has gone; raises what telling raises, and what
        ends the waiting for the client to leave."""
        with self._place:
            await self._open(receive, send)

    async def _open(self, receive: Receive, send: Send) -> None:
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_left(receive))
        leaving.add_done_callback(lambda _: telling.cancel())
        try:
            await telling
        except asyncio.CancelledError:
            if not leaving.done():  # then it is this request that is to end
                raise
            leaving.result()
        finally:
            telling.cancel()
            leaving.cancel()

    async def _tell(self, send: Send) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        async for said in self._told:
            await send({"type": "http.response.body", "body": said, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
