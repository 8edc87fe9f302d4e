"""Lathe: the words that service, hands and client share, and the client.

    from lathe import Client

    with Client("http://127.0.0.1:8000", key) as lathe: ...

`Client` and `AsyncClient` are loaded when they are asked for: service and workers import this
package for its words alone.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lathe.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in {"Client", "AsyncClient"}:
        return getattr(importlib.import_module("lathe.client"), name)
    raise AttributeError(f"module 'lathe' has no attribute {name!r}")
