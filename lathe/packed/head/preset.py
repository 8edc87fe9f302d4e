"""The heads of typical models, from which a mixer learns before the first token."""

import base64

from lathe.packed.head.preset_data import DATA, SIZES
from lathe.packed.squeeze import unsqueeze


def _heads() -> tuple[bytes, ...]:
    data, heads, at = unsqueeze(base64.b85decode("".join(DATA.split())), sum(SIZES)), [], 0
    for size in SIZES:
        heads.append(data[at : at + size])
        at += size
    return tuple(heads)


PRESET = _heads()
