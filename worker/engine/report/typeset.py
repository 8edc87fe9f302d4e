"""Plain text made ready for a page."""

import re


def typeset(text: str) -> str:
    """Arrows, minus and times signs where the plain sentence has ->, - and x."""
    text = text.replace(" -> ", " → ").replace(" %", "\N{NO-BREAK SPACE}%")
    text = re.sub(r"(?<![\w.])-(?=\d)", "−", text)  # noqa: RUF001 - a minus sign is meant
    return re.sub(r"(?<=\d)x\b", "×", text)  # noqa: RUF001 - a times sign is meant
