"""Unit tests are sealed: no sockets but the pairs that asyncio makes for itself."""

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    pytest_socket.disable_socket(allow_unix_socket=True)
