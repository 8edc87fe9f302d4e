"""Addresses that lead back inside: the service would fetch what only it may see."""

import asyncio
import json
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import httpx
import pytest

from app.store.outbound import Allowed, Buckets, Place, is_public, literal, place
from app.store.outbound.addresses import unwrapped
from app.store.outbound.source import source
from app.store.outbox import Parcel
from lathe.errors import AddressRefused, Unanswered
from tests.redteam.conftest import Without
from tests.redteam.door import Door, problem
from tests.redteam.outbound.conftest import Posted
from tests.redteam.outbound.recorder import Recorder
from tests.redteam.outbound.wire import Wire
from worker.outbound import guard, resolve
from worker.outbound.guard import Guard
from worker.outbound.resolve import Resolver
from worker.outbound.tell import tell

OUTSIDE = "93.184.215.14"
SECRET = "whsec_c2VjcmV0"
ALL = Allowed.parse("127.0.0.1")  # what an operator would say who trusts this machine


def allowing(*_: object) -> bool:
    """A judge who finds every address public."""
    return True


async def nobody(host: str, _port: int) -> list[str]:
    raise AssertionError(f"{host} is an address, and no name to be asked for")


async def asked(url: str, allowed: Allowed, **how: Any) -> int:
    """The status that a worker gets there."""
    place = Place.checked(url, allowed, "url")
    async with (
        Guard(allowed, silence_s=5, **how) as guard,
        guard.sent("GET", place, {}) as response,
    ):
        return response.status_code


async def connected(urls: Iterable[str], port: int) -> list[str]:
    """The addresses that a worker connects to for these."""
    wire = Wire(port, nobody)
    for url in urls:
        with suppress(Unanswered):
            await asked(url, Allowed(), transport=wire)
    return wire.reached


class _Named:
    """An address that is refused when it is named, as a webhook and as a source."""

    seen = "422, `address_refused` about `url` or `source`"
    guard: str
    urls: tuple[str, ...]

    def test_it_is_refused_by_name(self, door: Door) -> None:
        for url in self.urls:
            hook = door.http.post("/v1/webhooks", json={"url": url})
            problem(hook, 422, "address_refused", "url")
            for kind in ("models", "datasets"):
                answer = door.http.post(f"/v1/{kind}", json={"source": url})
                problem(answer, 422, "address_refused", "source")


class _Judged(_Named):
    """An address that is refused for what it is, twice: when it is named, and when a worker
    connects to it. Both ask `is_public`; `unread` are those that are no address already."""

    unread: tuple[str, ...] = ()

    @property
    def read(self) -> list[str]:
        """The addresses that are one."""
        return [url for url in self.urls if url not in self.unread]

    def test_who_connects_refuses_it_even_where_it_may_be_named(
        self, breached: Door, inside: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(place, "is_public", allowing)
        for url in self.read:
            made = breached.http.post("/v1/webhooks", json={"url": url})
            assert made.status_code == 201, made.text
            breached.http.delete(f"/v1/webhooks/{made.json()['id']}")
            with pytest.raises(AddressRefused, match="not on the public internet"):
                asyncio.run(asked(url, Allowed(), transport=Wire(inside.port, nobody)))
        assert inside.paths == []

    def test_each_of_them_is_connected_to_without_the_guard(
        self, inside: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (place, resolve):
            monkeypatch.setattr(module, "is_public", allowing)
        reached = asyncio.run(connected(self.read, inside.port))
        hosts = [httpx.URL(url).host for url in self.read]
        assert reached == [str(literal(host)) for host in hosts]
        here = [one for one in map(ip_address, reached) if _is_here(one)]
        assert len(inside.paths) == len(here)


def _is_here(address: IPv4Address | IPv6Address) -> bool:
    """Whether the recorder answers there: it listens on IPv4."""
    plain = unwrapped(address)
    return plain.version == 4 and (plain.is_loopback or plain.is_unspecified)


class TestLoopbackSpelled(_Judged):
    """This machine, spelled as an IPv4 address, short, as a number, octal and hexadecimal"""

    guard = "an address in whichever spelling must be public"
    urls = tuple(
        f"https://{host}/"
        for host in ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0")
    )
    unread = ("https://0177.0.0.1/",)

    def test_each_spelling_arrives_inside_without_the_guard(self, inside: Recorder) -> None:
        for url in self.urls:
            host = url.removeprefix("https://").rstrip("/")
            with socket.create_connection((host, inside.port), timeout=5) as line:
                assert ip_address(line.getpeername()[0]).is_loopback


class TestPrivateNetworks(_Judged):
    """Addresses of private networks, and those where clouds hand out credentials"""

    guard = "an address must be public"
    urls = tuple(
        f"https://{host}/latest/meta-data/"
        for host in ("169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1",
                     "192.0.0.192", "224.0.0.1")
    )  # fmt: skip

    def test_some_of_them_pass_for_global_without_the_guard(self) -> None:
        passed = {"192.0.0.192", "224.0.0.1"}  # is_global of Python 3.11 says yes
        for url in self.urls:
            host = httpx.URL(url).host
            assert not is_public(ip_address(host))
            assert not ip_address(host).is_global or host in passed


class TestWrappedInIPv6(_Judged):
    """This machine and clouds' addresses wrapped into IPv6: mapped, NAT64, 6to4, Teredo"""

    guard = "of IPv6 only what is handed out to hosts counts, and nothing that carries IPv4"
    urls = tuple(
        f"https://[{host}]/"
        for host in ("::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1",
                     "2002:7f00:1::", "2001::7f00:1", "fd00::1", "fe80::1", "::127.0.0.1")
    )  # fmt: skip

    def test_the_mapped_one_arrives_inside_without_the_guard(self, inside: Recorder) -> None:
        with socket.socket(socket.AF_INET6) as line:
            line.connect(("::ffff:127.0.0.1", inside.port))
            line.sendall(b"GET /mapped HTTP/1.0\r\n\r\n")
            assert line.recv(100)
        assert inside.paths == ["/mapped"]


class TestPlainOrOddPorts(_Named):
    """Plain http, other schemes, and ports of databases and brokers"""

    guard = "https on port 443 or 8443"
    urls = (
        "http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://x/_",
        "https://example.org:6379/", "https://example.org:22/", "https://example.org:5432/",
    )  # fmt: skip

    def test_a_service_inside_is_asked_without_the_guard(self, inside: Recorder) -> None:
        assert asyncio.run(asked(f"http://127.0.0.1:{inside.port}/admin", ALL)) == 200
        assert inside.paths == ["/admin"]

    def test_other_ports_may_be_named_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(place, "_PORTS", range(1 << 16))
        for url in self.urls[4:]:
            made = breached.http.post("/v1/webhooks", json={"url": url})
            assert made.status_code == 201, made.text
            breached.http.delete(f"/v1/webhooks/{made.json()['id']}")


class TestUserInTheAddress(_Named):
    """A name before an `@`, so that a glance takes it for the host"""

    guard = "no user name and no password in an address"
    urls = ("https://example.org@127.0.0.1/", "https://user:word@example.org/")

    def test_the_host_is_the_other_one_without_the_guard(
        self, breached: Door, inside: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert httpx.URL(self.urls[0]).host == "127.0.0.1"
        monkeypatch.setattr(httpx.URL, "userinfo", b"")
        told = breached.http.post("/v1/webhooks", json={"url": self.urls[0]})
        assert "127.0.0.1 is not on the public" in problem(told, 422, "address_refused", "url")
        for module in (place, resolve):
            monkeypatch.setattr(module, "is_public", allowing)
        assert asyncio.run(connected(self.urls[:1], inside.port)) == ["127.0.0.1"]
        assert inside.paths == ["/"]


class TestForeignBucket:
    """An `s3://` address of a bucket that nobody has opened: the service has keys for more"""

    seen = "422, `address_refused` about `source`"
    guard = "`LATHE_SOURCES_S3_BUCKETS`; keys with `..` are not read"

    @pytest.mark.parametrize("url", ["s3://backups/db.dump", "s3://models/../backups/db.dump"])
    def test_it_is_refused_by_name(self, door: Door, url: str) -> None:
        answer = door.http.post("/v1/models", json={"source": url})
        problem(answer, 422, "address_refused", "source")

    def test_it_is_a_source_without_the_guard(self) -> None:
        url = "s3://backups/db.dump"
        with pytest.raises(AddressRefused):
            source(url, Allowed(), Buckets(), "source")
        opened = source(url, Allowed(), Buckets.parse("backups"), "source")
        assert opened.shown == url

    def test_who_fetches_refuses_it_even_where_it_may_be_named(self, without: Without) -> None:
        with without(sources_s3_buckets="backups") as bare:
            made = bare.http.post(
                "/v1/models", params={"wait": 30}, json={"source": "s3://backups/db.dump"}
            )
        assert made.status_code == 201, made.text
        assert made.json()["failure"]["code"] == "address_refused", made.json()


def pinged(door: Door, url: str) -> dict[str, Any]:
    """How the first try of a ping to this webhook went."""
    hook = door.http.post("/v1/webhooks", json={"url": url})
    assert hook.status_code == 201, hook.text
    hook_id = hook.json()["id"]
    assert door.http.post(f"/v1/webhooks/{hook_id}/test").status_code < 300
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (delivery,) = door.http.get(f"/v1/webhooks/{hook_id}/deliveries").json()["items"]
        if delivery["last_at"] and (delivery["last_error"] or delivery["last_status"]):
            door.http.delete(f"/v1/webhooks/{hook_id}")
            found: dict[str, Any] = delivery
            return found
        time.sleep(0.2)
    raise AssertionError("nothing was delivered")


class TestNameThatLeadsInside:
    """A name in DNS that means an address inside"""

    seen = "the delivery's error: it leads to an address that is not on the public internet"
    guard = "what a name means is judged when it is connected to, every address of it"

    def test_nothing_is_sent_and_the_delivery_says_why(self, door: Door) -> None:
        name = socket.gethostname()
        if is_public(ip_address(socket.gethostbyname(name))):
            pytest.skip("this machine's own name is public")
        told = pinged(door, f"https://{name}:8443/")
        assert "not on the public internet" in told["last_error"]
        assert told["last_answer"] is None

    def test_it_is_asked_without_the_guard(
        self, inside: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def here(_host: str, _port: int) -> list[str]:
            return ["127.0.0.1"]

        how: dict[str, Any] = {"resolver": here, "transport": Wire(inside.port, nobody)}
        url = "https://inside.example/name"
        with pytest.raises(AddressRefused, match="not on the public internet"):
            asyncio.run(asked(url, Allowed(), **how))
        monkeypatch.setattr(resolve, "is_public", allowing)
        assert asyncio.run(asked(url, Allowed(), **how)) == 200
        assert inside.paths == ["/name"]


class TestRebinding:
    """A name that means a public address when it is judged, and one inside a moment later"""

    seen = "the delivery's error, or a source that is `address_refused`"
    guard = "a name is asked once, and the judged address itself is connected to"
    url = "https://rebind.example:8443/rebound"

    def test_the_second_meaning_is_never_asked_for(self) -> None:
        meanings = [["93.184.215.14"], ["127.0.0.1"]]
        reached: list[str] = []

        async def resolve(_host: str, _port: int) -> list[str]:
            return meanings.pop(0)

        def answer(request: httpx.Request) -> httpx.Response:
            reached.append(request.url.host)
            return httpx.Response(200)

        wire = httpx.MockTransport(answer)
        asyncio.run(
            asked("https://rebind.example/", Allowed(), resolver=resolve, transport=wire)
        )
        assert reached == ["93.184.215.14"]
        with pytest.raises(AddressRefused, match="not on the public internet"):
            asyncio.run(
                asked("https://rebind.example/", Allowed(), resolver=resolve, transport=wire)
            )

    def test_a_webhook_of_such_a_name_says_why_nothing_was_sent(
        self, post: Posted, inside: Recorder
    ) -> None:
        with post([OUTSIDE, "127.0.0.1"]) as service:
            first, second = (pinged(service.door, self.url) for _ in range(2))
        assert "rebind.example does not answer" in first["last_error"]  # nobody is there
        assert "not on the public internet" in second["last_error"]
        assert [first["last_status"], second["last_status"]] == [None, None]
        assert service.wire.reached == [OUTSIDE]
        assert inside.paths == []

    def test_asking_twice_arrives_inside_without_the_guard(
        self, post: Posted, inside: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def judged(place: Place, allowed: Allowed, resolver: Resolver) -> list[str]:
            await resolve.addresses(place, allowed, resolver)
            return [place.host]  # whoever connects may ask again what it means

        monkeypatch.setattr(guard, "addresses", judged)
        with post([OUTSIDE, "127.0.0.1"]) as service:
            told = pinged(service.door, self.url)
        assert (told["last_status"], told["last_answer"]) == (200, "s3cret")
        assert service.wire.reached == ["127.0.0.1"]
        assert inside.paths == ["/rebound"]


class TestRedirectInside:
    """A server outside that answers with a redirect to an address inside"""

    seen = "the delivery's error: redirects are not followed"
    guard = "no redirect is followed"

    def test_the_redirect_is_told_and_not_followed(self, door: Door, inside: Recorder) -> None:
        told = pinged(door, f"http://localhost:{inside.port}/away")
        assert (told["last_status"], inside.paths) == (302, ["/away"])
        assert "redirects are not followed" in told["last_error"]

    def test_it_arrives_inside_without_the_guard(self, inside: Recorder) -> None:
        async def followed() -> str:
            allowed = Allowed.parse("localhost")
            place = Place.checked(f"http://localhost:{inside.port}/away", allowed, "url")
            async with Guard(allowed, silence_s=5) as guard:
                guard._client.follow_redirects = True
                async with guard.sent("GET", place, {}) as response:
                    return (await response.aread()).decode()

        assert asyncio.run(followed()) == "s3cret"
        assert inside.paths == ["/away", "/secret"]


class TestAnswerFromInside:
    """A trusted address inside, named to read through the delivery what it answers"""

    seen = "a delivery without an answer"
    guard = "what an internal address answers is never shown"

    def test_the_answer_is_not_shown(self, door: Door, inside: Recorder) -> None:
        told = pinged(door, f"http://localhost:{inside.port}/secret")
        assert inside.paths == ["/secret"]
        assert (told["last_status"], told["last_answer"]) == (200, None)
        assert "s3cret" not in json.dumps(told)

    def test_the_answer_is_told_without_the_guard(
        self, inside: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Place.checked

        def like_any_other(text: str, allowed: Allowed, param: str) -> Place:
            return replace(real(text, allowed, param), trusted=False)

        async def told() -> str | None:
            async with Guard(ALL, silence_s=5) as guard:
                return (await tell(parcel, guard, ALL, 5)).answer

        url = f"http://127.0.0.1:{inside.port}/secret"
        parcel = Parcel("msg", 1, datetime.now(UTC), "whk", "prj", url, (SECRET,), "{}", "ping")
        assert asyncio.run(told()) is None
        monkeypatch.setattr(Place, "checked", like_any_other)
        assert asyncio.run(told()) == "s3cret"
