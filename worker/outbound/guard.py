"""Requests to places that tenants have named, which cannot be led astray.

The name is resolved once, every address is judged, and the connection goes to a judged
address itself, so that a name that changes its meaning in between (DNS rebinding) changes
nothing. Host header and TLS name stay the name's, so certificates are checked against it. No
redirect is followed, no proxy or .netrc of the environment is used, and no connection is kept:
one that was opened for another name on the same address must not be used again.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import httpx

from app.store.outbound import Allowed, Place
from lathe.errors import Unanswered
from worker.outbound.resolve import Resolver, addresses, ask

_MOST_ADDRESSES = 4  # of one name, in turn


class Guard:
    """Makes requests; close it, or use it as a context. `resolver`, `transport` and
    `tls` are a test's."""

    def __init__(
        self,
        allowed: Allowed,
        *,
        silence_s: float,
        resolver: Resolver = ask,
        transport: httpx.AsyncBaseTransport | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`silence_s` bounds connecting, and every wait for the next bytes."""
        self._allowed = allowed
        self._resolver = resolver
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=tls or True,
            trust_env=False,
            follow_redirects=False,
            timeout=silence_s,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    @asynccontextmanager
    async def sent(
        self,
        method: str,
        place: Place,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer of `place`, its body unread; raises AddressRefused, Unanswered."""
        found = await addresses(place, self._allowed, self._resolver)
        response = await self._first_answer(found, method, place, headers, content)
        try:
            yield response
        finally:
            await response.aclose()

    async def _first_answer(
        self,
        found: list[str],
        method: str,
        place: Place,
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> httpx.Response:
        for address in found[:_MOST_ADDRESSES]:
            request = self._client.build_request(
                method,
                place.url.copy_with(host=address, fragment=None),
                headers={**headers, "Host": place.url.netloc.decode("ascii")},
                content=content,
                extensions={"sni_hostname": place.host},
            )
            try:
                return await self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                cause: httpx.HTTPError = error
            except httpx.HTTPError as error:
                cause = error
                break
        raise Unanswered(f"{place.host} does not answer: {said(cause)}") from cause

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()


def said(error: httpx.HTTPError) -> str:
    """What went wrong, without the address."""
    match error:
        case httpx.TimeoutException():
            return "it took too long"
        case httpx.ConnectError():
            return "no connection could be made"
        case httpx.ProtocolError():
            return "it does not speak HTTP as it should"
        case _:
            return "the connection was cut"
