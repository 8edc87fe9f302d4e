"""Browsers: cookies, and forms with the guard that the pages hold."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest


@dataclass
class Browser:
    client: httpx.AsyncClient
    guard: str = ""

    async def sign_in(self, key: str) -> None:
        answer = await self.client.post("/sign-in", data={"key": key})
        assert answer.status_code == 303, answer.text
        found = re.search(r'data-guard="(\w+)"', await self.see("/"))
        assert found
        self.guard = found[1]

    async def see(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    async def send(self, path: str, fields: Mapping[str, str]) -> httpx.Response:
        return await self.client.post(path, data={"guard": self.guard, **fields})


Opens = Callable[[], Awaitable[Browser]]


@pytest.fixture
async def opens(world: Any) -> AsyncIterator[Opens]:
    """Makes browsers that nobody has signed in with."""
    async with AsyncExitStack() as stack:

        async def fresh() -> Browser:
            transport = httpx.ASGITransport(world.app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://lathe.test")
            return Browser(await stack.enter_async_context(client))

        yield fresh


@pytest.fixture
async def browser(world: Any, opens: Opens) -> Browser:
    """Signed in with the project's key."""
    made = await opens()
    await made.sign_in(world.key)
    return made
