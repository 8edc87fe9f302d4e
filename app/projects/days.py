"""How long a key is to live, as it is written on a command line."""

import argparse
import re
from datetime import timedelta

_MOST = 36_500


def days(text: str) -> timedelta:
    """So many whole days, from 1 to 36500; raises ArgumentTypeError."""
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {_MOST}")
    return timedelta(days=int(text))
