"""A limit on what this process may take while something is read."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def little_memory(more_bytes: int) -> Iterator[None]:
    """Beyond what the process has: what asks for more, even without touching it, gets none."""
    told = Path("/proc/self/status").read_text()
    own = int(told.partition("VmData:")[2].split()[0]) << 10
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (own + more_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
