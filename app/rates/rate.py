"""How a limit of requests is written: `600/minute`, `50 per 10 second`."""

from typing import Literal

from limits import RateLimitItem, parse

Kind = Literal["reads", "writes", "failures"]
_LONGEST_S = 86_400
_NAMES = {1: "a second", 60: "a minute", 3600: "an hour", _LONGEST_S: "a day"}


def rate(text: str) -> RateLimitItem:
    """The limit; raises ValueError with a sentence."""
    try:
        item = parse(text)
    except ValueError:
        item = None
    if item is None or item.amount < 1 or not 1 <= item.get_expiry() <= _LONGEST_S:
        raise ValueError("write a number and a time up to a day, such as 600/minute")
    return item


def said(item: RateLimitItem) -> str:
    """The limit in words: `600 in a minute`."""
    seconds = item.get_expiry()
    return f"{item.amount} in {_NAMES.get(seconds, f'{seconds} seconds')}"
