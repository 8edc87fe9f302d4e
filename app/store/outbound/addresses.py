"""Which IP addresses belong to the public internet.

`ipaddress.is_global` alone lets through what leads back inside: IPv4 wrapped into IPv6
(::ffff:0:0/96, 64:ff9b::/96 of RFC 6052, 2002::/16 of RFC 3056, Teredo), 192.0.0.0/24 and
multicast. So of IPv6 only the unicast space that is handed out (2000::/3) counts, without
the blocks in it that carry IPv4 or documentation.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

_UNICAST = ip_network("2000::/3")
_NOT_V6 = tuple(ip_network(text) for text in ("2001::/23", "2002::/16", "3fff::/20"))
_NOT_V4 = tuple(ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24"))
_LABEL = "[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 socket would connect to, where that is one."""
    return getattr(address, "ipv4_mapped", None) or address


def is_public(address: Address) -> bool:
    """Whether the address is somebody's on the public internet."""
    plain = unwrapped(address)
    if not plain.is_global or plain.is_multicast:
        return False
    if plain.version == 4:  # noqa: PLR2004 - IPv4
        return not any(plain in network for network in _NOT_V4)
    return plain in _UNICAST and not any(plain in network for network in _NOT_V6)


def literal(host: str) -> Address | None:
    """The address that `host` spells, or None for a name. The short, octal and hexadecimal
    forms of IPv4 count, as a resolver takes them: 127.1, 0x7f000001, 2130706433."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_name(host: str) -> bool:
    """Whether `host`, in small letters, is a name that DNS could know, and no address."""
    return _NAME.fullmatch(host) is not None and literal(host) is None
