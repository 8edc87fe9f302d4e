"""Requests that are sent before the ones in front of them are answered."""

import pytest

from app.http.protocol import Protocol
from tests.redteam.door import Door
from tests.redteam.requests.test_endless import refused
from tests.redteam.requests.wire import spoken

AHEAD = 5000


class TestPipelinedFlood:
    """Thousands of requests on one connection, all sent ahead: each is held until its turn"""

    seen = "429, `rate_limited`; the connection is closed"
    guard = "a hundred requests may wait on one connection"
    sent = b"GET /v1/models HTTP/1.1\r\nHost: lathe\r\n\r\n" * AHEAD

    def test_it_is_refused_by_name_and_few_are_held(self, door: Door) -> None:
        heard, ended = spoken(door.address, [self.sent], within_s=20)
        assert ended
        assert heard.count(b"HTTP/1.1 ") <= Protocol.most_waiting
        assert not heard or refused(heard) == "rate_limited"  # a reset may overtake it

    def test_all_of_them_are_held_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Protocol, "most_waiting", AHEAD)
        most, real = [0], Protocol.on_headers_complete

        def counted(self: Protocol) -> None:
            real(self)
            most[0] = max(most[0], len(self.pipeline))

        monkeypatch.setattr(Protocol, "on_headers_complete", counted)
        spoken(breached.address, [self.sent], within_s=4)
        assert most[0] > 1000
