"""What people call things: text that shows what it is wherever it is shown.

Control characters steer terminals and logs, and those that turn the writing direction make one
name look like another. Names that were given before this was checked stay readable: what holds
a name at rest, such as a job's spec, is not refused for it.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$"  # as JSON Schema has it
LONGEST = 200
_UNFIT = {
    "a control character": re.compile("[\x00-\x1f\x7f-\x9f]"),
    "a character that turns the writing direction": re.compile("[\u202a-\u202e\u2066-\u2069]"),
    "half of a character": re.compile("[\ud800-\udfff]"),
}


def unfit(text: str) -> str | None:
    """What is in `text` that no name may hold, and what to do about it; or None."""
    for what, pattern in _UNFIT.items():
        if (found := pattern.search(text)) is not None:
            return f"there is {what}, U+{ord(found[0]):04X}, in this name; leave it out"
    return None


def _fit(text: Any) -> Any:
    if isinstance(text, str) and (why := unfit(text)) is not None:
        raise ValueError(why)
    return text


KeptName = Annotated[
    str, StringConstraints(max_length=LONGEST), Field(json_schema_extra={"pattern": PATTERN})
]  # at rest; whoever is given one asks `unfit`
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST, strip_whitespace=True),
    BeforeValidator(_fit),
    Field(json_schema_extra={"pattern": PATTERN}),
]
