"""Where the service may reach out to when a tenant names the address.

The service checks what can be seen of an address when it is told; the worker checks what the
name means when it connects (`worker.outbound`). Nothing here asks the network.
"""

from app.store.outbound.addresses import is_public, literal
from app.store.outbound.allowed import Allowed
from app.store.outbound.place import Place
from app.store.outbound.source import Buckets, InBucket, Source, source

__all__ = [
    "Allowed",
    "Buckets",
    "InBucket",
    "Place",
    "Source",
    "is_public",
    "literal",
    "source",
]
