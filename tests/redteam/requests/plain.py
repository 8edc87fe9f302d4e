"""An application without any bound of its own, for a server without any."""

from typing import Any


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads all that is sent, and answers; `/download` is 64 MiB."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/download":
        for _ in range(64):
            await send(
                {"type": "http.response.body", "body": bytes(1 << 20), "more_body": True}
            )
    await send({"type": "http.response.body", "body": b"done"})
