"""A host name becomes addresses once, and every one of them must be fit to connect to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from app.store.outbound import Allowed, Place, is_public, literal
from lathe.errors import AddressRefused, Unanswered

Resolver = Callable[[str, int], Awaitable[list[str]]]


async def ask(host: str, port: int) -> list[str]:
    """What the system's resolver says of `host`; raises Unanswered."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise Unanswered(f"the name {host} is not known") from None
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


async def addresses(place: Place, allowed: Allowed, resolver: Resolver = ask) -> list[str]:
    """The addresses of `place`, to be connected to as they are; the name is not asked again.

    Raises Unanswered for an unknown name, and AddressRefused when any address is neither
    public nor the operator's: a name that means both inside and outside is not to be trusted.
    """
    spelled = literal(place.host)
    found = [str(spelled)] if spelled else await resolver(place.host, place.port)
    if not found:
        raise Unanswered(f"the name {place.host} has no address")
    for text in found:
        address = ip_address(text)
        if not (is_public(address) or allowed.holds(address) or place.trusted):
            raise AddressRefused(
                f"{place.host} leads to an address that is not on the public internet; an "
                "operator can name it in LATHE_OUTBOUND_ALLOW"
            )
    return found
