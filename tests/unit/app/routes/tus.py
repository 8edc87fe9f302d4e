"""A tus client of a few lines, for the tests of uploads in pieces."""

import base64
import hashlib
from typing import Any

import httpx

TUS = {"Tus-Resumable": "1.0.0"}
SEVEN_SHA256 = hashlib.sha256(b"abcdefg").hexdigest()


def pairs(**values: str) -> str:
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


async def begun(client: httpx.AsyncClient, length: int, **metadata: str) -> str:
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": pairs(**metadata)}
    answer = await client.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


async def sent(
    client: httpx.AsyncClient, location: str, offset: int, body: Any, **more: str
) -> httpx.Response:
    headers = {
        **TUS,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        **more,
    }
    return await client.patch(location, headers=headers, content=body)


async def offset(client: httpx.AsyncClient, location: str) -> int:
    answer = await client.head(location, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])
