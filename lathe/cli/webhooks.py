"""`lathe webhooks`: addresses that are told how jobs end."""

from typing import Annotated, get_args

import typer

from lathe.cli.connect import connected
from lathe.cli.options import AsJson, Key, Limit, Url
from lathe.cli.say import note, show, table
from lathe.cli.wrong import no_such
from lathe.events import DeliveryState
from lathe.views import DeliveryView, NewWebhookView, WebhookView

app = typer.Typer(no_args_is_help=True, help="Addresses that are told how jobs end.")
_STATES: dict[str, DeliveryState] = {state: state for state in get_args(DeliveryState)}
Webhook = Annotated[str, typer.Argument(help="whk_..., as `lathe webhooks list` shows it.")]


@app.command()
def create(
    address: Annotated[str, typer.Argument(help="https://..., where messages are posted to.")],
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(help="job.started, job.succeeded, ...; again for more. Default endings."),
    ] = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a webhook; the secret that signs its messages is shown this once."""
    with connected(url, key) as service:
        made = service.lathe.create_webhook(address, name=name, events=event)
    _secret(made, as_json=as_json)


@app.command("list")
def list_webhooks(url: Url = None, key: Key = None, *, as_json: AsJson = False) -> None:
    """The webhooks, without their secrets."""
    with connected(url, key) as service:
        found = service.lathe.webhooks()
    if as_json:
        show(found)
        return
    rows = [
        (
            each.id,
            each.name or "",
            f"{each.created_at:%Y-%m-%d %H:%M}",
            ",".join(each.events),
            each.url,
            _standing(each),
        )
        for each in found
    ]
    table(("id", "name", "made", "events", "address", ""), rows)


@app.command()
def rotate(
    webhook: Webhook,
    grace_hours: Annotated[
        float, typer.Option(min=0, max=720, help="The old secret signs, too, for so long.")
    ] = 24,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a webhook a new secret; it is shown this once."""
    with connected(url, key) as service:
        made = service.lathe.rotate_webhook(webhook, grace_s=round(3600 * grace_hours))
    _secret(made, as_json=as_json)


@app.command()
def delete(
    webhook: Webhook, url: Url = None, key: Key = None, *, as_json: AsJson = False
) -> None:
    """Delete a webhook and everything that it was told."""
    with connected(url, key) as service:
        service.lathe.delete_webhook(webhook)
    if as_json:
        show({"deleted": webhook})
    note(f"{webhook} is deleted.")


@app.command()
def enable(
    webhook: Webhook, url: Url = None, key: Key = None, *, as_json: AsJson = False
) -> None:
    """Tell a webhook again that was disabled because it answered 410."""
    with connected(url, key) as service:
        found = service.lathe.enable_webhook(webhook)
    if as_json:
        show(found)
    note(f"{webhook} is told again.")


@app.command()
def ping(
    webhook: Webhook, url: Url = None, key: Key = None, *, as_json: AsJson = False
) -> None:
    """Send a message that says nothing but that messages arrive."""
    with connected(url, key) as service:
        found = service.lathe.test_webhook(webhook)
    if as_json:
        show(found)
    note(f"{found.id} is on its way; `lathe webhooks deliveries {webhook}` says how it went.")


@app.command()
def deliveries(
    webhook: Webhook,
    state: Annotated[
        str | None, typer.Option(help="pending, delivered or dead: not tried again.")
    ] = None,
    limit: Limit = 20,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What a webhook was and is to be told."""
    with connected(url, key) as service:
        found = service.lathe.deliveries(webhook, state=_state(state), limit=limit)
    if as_json:
        show(found)
        return
    table(("id", "state", "made", "type", "tries", "last answer"), [_row(d) for d in found])


@app.command()
def redeliver(
    webhook: Webhook,
    delivery: Annotated[str, typer.Argument(help="msg_..., as `deliveries` shows it.")],
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a message again that was delivered or died."""
    with connected(url, key) as service:
        found = service.lathe.redeliver(webhook, delivery)
    if as_json:
        show(found)
    note(f"{found.id} is on its way again.")


def _state(text: str | None) -> DeliveryState | None:
    if text is None:
        return None
    if text not in _STATES:
        raise no_such("state", text, _STATES)
    return _STATES[text]


def _secret(made: NewWebhookView, *, as_json: bool) -> None:
    if as_json:
        show(made)
        return
    note(f"{made.id} is told of {', '.join(made.events)}; its secret is shown this once:")
    typer.echo(made.secret)


def _standing(hook: WebhookView) -> str:
    return f"disabled: {hook.disabled_because}" if hook.disabled_at else "told"


def _row(each: DeliveryView) -> tuple[str, ...]:
    said = each.last_error or ("" if each.last_status is None else str(each.last_status))
    made = f"{each.created_at:%Y-%m-%d %H:%M}"
    return (each.id, each.state, made, each.type, str(each.attempts), said)
