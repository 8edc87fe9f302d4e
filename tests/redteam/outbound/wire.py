"""The network outside, as the guard sees it: names mean what they mean at this moment, every
port of this machine is the recorder's, and nobody else is reached."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import httpx

from app.store.outbound import literal
from app.store.outbound.addresses import unwrapped

Resolver = Callable[[str, int], Awaitable[list[str]]]


class Wire(httpx.AsyncBaseTransport):
    """`reached` are the addresses that connections were made to, in their order."""

    def __init__(self, port: int, resolver: Resolver) -> None:
        self._port, self._resolver = port, resolver
        self._real = httpx.AsyncHTTPTransport()
        self.reached: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As a system would: a name is asked for when a connection to it is made."""
        host, port = request.url.host, request.url.port or 443
        spelled = literal(host)
        address = str(spelled) if spelled else (await self._resolver(host, port))[0]
        self.reached.append(address)
        plain = unwrapped(ip_address(address))
        if not (plain.is_loopback or plain.is_unspecified):
            raise httpx.ConnectError("no way out of here", request=request)
        request.url = request.url.copy_with(scheme="http", host=address, port=self._port)
        return await self._real.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._real.aclose()
