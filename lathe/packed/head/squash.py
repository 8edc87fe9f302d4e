"""Chances and their logits as whole numbers.

    squash(x) = 65536 / (1 + exp(-x / 256)),  x from -2047 to 2047, cut to 32..65504
    stretch   = its inverse

Both are tables made of 33 numbers by linear interpolation, in integers only, so that every
machine has the same ones. They are 65536 / (1 + exp(-i / 2)) for i = -16..16, rounded.
"""

_KNOTS = (
    22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743,
    32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374,
    65438, 65476, 65500, 65514,
)  # fmt: skip
LIMIT = 2047


def _squash(logit: int) -> int:
    below, part = divmod(logit + 2048, 128)
    return (_KNOTS[below] * (128 - part) + _KNOTS[below + 1] * part + 64) >> 7


def _stretched() -> tuple[int, ...]:
    """The logit of each chance in 4096ths: the first whose squash reaches it."""
    table, logit = [], -LIMIT
    for chance in range(4096):
        while logit < LIMIT and SQUASH[logit + LIMIT] < chance * 16 + 8:
            logit += 1
        table.append(logit)
    return tuple(table)


SQUASH = tuple(_squash(logit) for logit in range(-LIMIT, LIMIT + 1))
STRETCH = _stretched()
