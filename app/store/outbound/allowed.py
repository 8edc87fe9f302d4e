"""What an operator trusts beside the public internet: LATHE_OUTBOUND_ALLOW."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from app.store.outbound.addresses import Address, is_name, literal, unwrapped


@dataclass(frozen=True, slots=True)
class Allowed:
    """Host names as they are written in an address, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Allowed":
        """From `hooks.internal, 10.1.0.0/16, 127.0.0.1`; raises ValueError naming the entry
        that is neither a host nor a network."""
        names, networks = set(), []
        for entry in filter(None, (part.strip().lower() for part in text.split(","))):
            try:
                networks.append(ip_network(entry))
            except ValueError:
                if not is_name(entry):
                    raise ValueError(
                        f"{entry!r} is neither a host name nor an address or network; write "
                        "entries such as hooks.internal, 10.1.0.0/16 or 127.0.0.1, with "
                        "commas between them"
                    ) from None
                names.add(entry)
        return cls(frozenset(names), tuple(networks))

    def trusts(self, host: str) -> bool:
        """Whether the operator has named this very host, or the network of this address."""
        address = literal(host)
        return host in self.names if address is None else self.holds(address)

    def holds(self, address: Address) -> bool:
        """Whether the address lies in one of the networks."""
        plain = unwrapped(address)
        return any(plain in network for network in self.networks)
