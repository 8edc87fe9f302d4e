"""Webhooks: make them, look at what they were told, tell them again."""

from collections.abc import Sequence
from typing import Any

from lathe.client.asking import ask
from lathe.client.calls.reading import got, pages, parsed
from lathe.client.talk import Ask, Talk
from lathe.events import DeliveryState
from lathe.views import DeliveryView, NewWebhookView, WebhookView

PATH = "/v1/webhooks"


def webhooks() -> Talk[list[WebhookView]]:
    """The newest first."""
    return (yield from pages(WebhookView, PATH))


def webhook(webhook_id: str) -> Talk[WebhookView]:
    """One of them."""
    return (yield from got(WebhookView, f"{PATH}/{webhook_id}"))


def create(url: str, name: str | None, events: Sequence[str] | None) -> Talk[NewWebhookView]:
    """Not repeated: each one makes a webhook."""
    body: dict[str, Any] = {"url": url}
    body |= {"name": name} if name else {}
    body |= {"events": list(events)} if events else {}
    answer = yield from ask(Ask("POST", PATH, json=body))
    return parsed(NewWebhookView, answer)


def rotate(webhook_id: str, grace_s: int) -> Talk[NewWebhookView]:
    """Not repeated: the second would end the grace of the secret before the first."""
    body = {"grace_s": grace_s}
    answer = yield from ask(Ask("POST", f"{PATH}/{webhook_id}/rotate", json=body))
    return parsed(NewWebhookView, answer)


def delete(webhook_id: str) -> Talk[None]:
    """With all that it was told."""
    yield from ask(Ask("DELETE", f"{PATH}/{webhook_id}", again=True))


def enable(webhook_id: str) -> Talk[WebhookView]:
    """To enable twice is to enable once."""
    answer = yield from ask(Ask("POST", f"{PATH}/{webhook_id}/enable", again=True))
    return parsed(WebhookView, answer)


def test(webhook_id: str) -> Talk[DeliveryView]:
    """Not repeated: each one is a message."""
    answer = yield from ask(Ask("POST", f"{PATH}/{webhook_id}/test"))
    return parsed(DeliveryView, answer)


def deliveries(
    webhook_id: str, state: DeliveryState | None, limit: int | None
) -> Talk[list[DeliveryView]]:
    """The newest first."""
    query: dict[str, Any] = {"state": state} if state else {}
    query |= {"limit": min(limit, 200)} if limit else {}
    path = f"{PATH}/{webhook_id}/deliveries"
    return (yield from pages(DeliveryView, path, query=query, limit=limit))


def redeliver(webhook_id: str, delivery_id: str) -> Talk[DeliveryView]:
    """Not repeated: a second one finds the message on its way, and is refused."""
    path = f"{PATH}/{webhook_id}/deliveries/{delivery_id}/redeliver"
    answer = yield from ask(Ask("POST", path))
    return parsed(DeliveryView, answer)
