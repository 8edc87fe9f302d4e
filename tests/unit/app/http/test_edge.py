"""An answer that breaks off: what failed elsewhere is one line in the log, a bug is raised."""

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.http.edge import Edge
from app.metrics import Metrics
from lathe.errors import Unavailable

pytestmark = pytest.mark.anyio


async def passed_on(error: Exception, *, begun: bool) -> list[Message]:
    """What leaves the edge when the application fails, before or after it began to answer."""
    sent: list[Message] = []

    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("response already started") from error

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/v1/artifacts/x/content", "headers": []}
    await Edge(application, Metrics())(scope, receive, send)
    return sent


async def test_a_store_that_goes_away_cuts_the_answer_off_and_is_one_line() -> None:
    with capture_logs() as logged:
        sent = await passed_on(Unavailable("the object store is away"), begun=True)
    assert [message.get("more_body") for message in sent] == [None, True]  # and never False
    assert [line["event"] for line in logged] == ["answer cut off", "answered"]
    assert logged[0]["why"] == "the object store is away"


async def test_a_bug_and_what_failed_before_the_answer_go_on() -> None:
    with pytest.raises(RuntimeError):
        await passed_on(KeyError("a bug"), begun=True)
    with pytest.raises(RuntimeError):
        await passed_on(Unavailable("for the handlers further in"), begun=False)
