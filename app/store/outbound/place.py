"""An address that a tenant names, as far as it can be judged without asking anybody."""

from dataclasses import dataclass

import httpx

from app.store.outbound.addresses import is_name, is_public, literal
from app.store.outbound.allowed import Allowed
from lathe.errors import AddressRefused

_PORTS = (443, 8443)
_MOST_CHARACTERS = 4000
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Place:
    """A place to connect to. `trusted` was named by the operator; then http and any port are
    fine, and what it answers is never shown to a tenant."""

    url: httpx.URL
    host: str
    port: int
    trusted: bool

    @classmethod
    def checked(cls, text: str, allowed: Allowed, param: str) -> "Place":
        """The place that `text` names; raises AddressRefused, naming the field `param`."""
        try:
            url = httpx.URL(text) if len(text) <= _MOST_CHARACTERS else None
        except httpx.InvalidURL:
            url = None
        if url is None or not url.is_absolute_url:
            raise AddressRefused("this is no address; write https://host/path", param=param)
        host = url.raw_host.decode("ascii").lower().rstrip(".")
        address = literal(host)
        if address is None and not is_name(host):
            raise AddressRefused("this names no host; write https://host/path", param=param)
        if url.userinfo:
            raise AddressRefused("leave user name and password out of it", param=param)
        trusted = allowed.trusts(host)
        if url.scheme not in (_DEFAULT_PORTS if trusted else {"https"}):
            raise AddressRefused("only https:// is reached from here", param=param)
        port = url.port or _DEFAULT_PORTS[url.scheme]
        if not trusted and port not in _PORTS:
            raise AddressRefused(
                "only the ports 443 and 8443 are reached from here", param=param
            )
        if not trusted and address is not None and not is_public(address):
            raise AddressRefused(
                f"{host} is not on the public internet; an operator can name it in "
                "LATHE_OUTBOUND_ALLOW",
                param=param,
            )
        return cls(url, host, port, trusted)

    @property
    def shown(self) -> str:
        """The address without its query and fragment, which may hold a signature."""
        return str(self.url.copy_with(query=None, fragment=None))
