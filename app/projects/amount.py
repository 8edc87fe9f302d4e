"""A limit as it is written on a command line."""

import argparse
import re
from dataclasses import dataclass

_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_AMOUNT = re.compile(r"(\d{1,18})(?:([kmgt])(i?))?b?", re.IGNORECASE)
_MOST = 2**63 - 1  # what the column takes


@dataclass(frozen=True, slots=True)
class Amount:
    """`most` of something, or any number (None); `default` is what the installation says."""

    most: int | None
    default: bool = False


def amount(text: str) -> Amount:
    """`none`, `default`, or a number such as 50, 50G or 50Gi; raises ArgumentTypeError."""
    if text in {"none", "default"}:
        return Amount(None, default=text == "default")
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number, none or default")
    unit = 1024 if found[3] else 1000
    most = int(found[1]) * unit ** _UNITS[(found[2] or "").lower()]
    if most > _MOST:
        raise argparse.ArgumentTypeError(f"{text} is too large; write none for no limit")
    return Amount(most)
