"""The guard never connects here: what it would send is caught before any socket is."""

import httpx
import pytest

from app.store.outbound import Allowed, Place
from lathe.errors import AddressRefused, Unanswered
from tests.unit.app.store.outbound.test_addresses import INSIDE, OUTSIDE
from worker.outbound.guard import Guard

pytestmark = pytest.mark.anyio
URL = "https://hooks.example/in?x=1"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Caught(httpx.AsyncBaseTransport):
    """What would have been sent. `deaf` addresses refuse the connection."""

    def __init__(self, deaf: tuple[str, ...] = (), status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self._deaf, self._status = deaf, status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self._deaf:
            raise httpx.ConnectError("refused")
        return httpx.Response(self._status, headers={"location": "http://127.0.0.1/"})


class Names:
    """A resolver that changes its mind: each look-up gives the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0)


async def send(
    names: Names, caught: Caught, url: str = URL, allowed: Allowed | None = None
) -> int:
    allowed = allowed or Allowed()
    async with Guard(allowed, silence_s=1, resolver=names, transport=caught) as guard:
        place = Place.checked(url, allowed, "url")
        async with guard.sent("POST", place, {"webhook-id": "m"}, b"{}") as response:
            return response.status_code


@pytest.mark.parametrize("inside", INSIDE)
async def test_a_name_that_leads_inside_is_refused_before_any_connection(inside: str) -> None:
    for answer in ([inside], [OUTSIDE[0], inside]):  # all must be public, not only the first
        caught = Caught()
        with pytest.raises(AddressRefused, match="not on the public internet"):
            await send(Names(answer), caught)
        assert caught.requests == []


async def test_a_name_that_changes_its_meaning_in_between_changes_nothing() -> None:
    names, caught = Names(["8.8.8.8"], ["127.0.0.1"]), Caught()
    assert await send(names, caught) == 200
    (request,) = caught.requests
    assert names.asked == 1
    assert request.url.host == "8.8.8.8"


async def test_the_judged_address_is_connected_to_under_the_name_of_the_host() -> None:
    caught = Caught()
    await send(Names(["2606:4700::1"]), caught, "https://hooks.example:8443/in?x=1")
    (request,) = caught.requests
    assert str(request.url) == "https://[2606:4700::1]:8443/in?x=1"
    assert request.headers["host"] == "hooks.example:8443"
    assert request.extensions["sni_hostname"] == "hooks.example"
    assert request.headers["webhook-id"] == "m"


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    caught = Caught(status=302)
    assert await send(Names(["8.8.8.8"]), caught) == 302
    assert len(caught.requests) == 1


async def test_an_address_that_is_deaf_is_followed_by_the_next() -> None:
    caught = Caught(deaf=("8.8.8.8",))
    assert await send(Names(["8.8.8.8", "1.1.1.1"]), caught) == 200
    assert [request.url.host for request in caught.requests] == ["8.8.8.8", "1.1.1.1"]
    with pytest.raises(Unanswered, match=r"hooks\.example does not answer: no connection"):
        await send(Names(["8.8.8.8"]), Caught(deaf=("8.8.8.8",)))


async def test_a_name_without_an_address_is_unanswered() -> None:
    with pytest.raises(Unanswered, match="no address"):
        await send(Names([]), Caught())


async def test_what_the_operator_has_named_is_reached_wherever_it_leads() -> None:
    caught = Caught()
    allowed = Allowed.parse("hooks.internal, 10.1.0.0/16")
    assert await send(Names(["127.0.0.1"]), caught, "http://hooks.internal:81/", allowed) == 200
    assert await send(Names(["10.1.9.9"]), caught, URL, allowed) == 200
    with pytest.raises(AddressRefused):
        await send(Names(["10.2.0.1"]), caught, URL, allowed)
    assert [str(request.url.host) for request in caught.requests] == ["127.0.0.1", "10.1.9.9"]


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    async with Guard(Allowed(), silence_s=1) as guard:
        assert guard._client._mounts == {}
