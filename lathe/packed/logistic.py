"""Chances and their logits as whole numbers, the same on every machine.

    SQUASH[x + 2816] = 65536 / (1 + exp(-x / 256)),  x from -2816 to 2816, cut to 4..65532
    STRETCH[chance]  = the x whose chance is the first that is not below it

The exponentials are powers of one fixed-point number, exp(1 / 256) * 2**64 rounded down after
20 terms of its series, each power rounded down.
"""

LIMIT = 2816  # 11 * 256: chances from 1.7e-5
UNIT = 256  # of a logit
_POINT = 64  # binary places


def _powers(count: int) -> list[int]:
    """exp(k / 256) * 2**64 for k = 0 to `count`."""
    root = term = 1 << _POINT
    for place in range(1, 20):
        term //= UNIT * place
        root += term
    powers = [1 << _POINT]
    for _ in range(count):
        powers.append(powers[-1] * root >> _POINT)
    return powers


def _squashed() -> tuple[int, ...]:
    one, powers = 1 << _POINT, _powers(LIMIT)
    above = [(power << 16) // (power + one) for power in powers]
    table = [65536 - chance for chance in above[:0:-1]] + above
    return tuple(min(max(chance, 4), 65532) for chance in table)


def _stretched() -> tuple[int, ...]:
    table: list[int] = []
    for logit, chance in enumerate(SQUASH, -LIMIT):
        table += [logit] * (chance + 1 - len(table))
    return tuple(table + [LIMIT] * (65536 - len(table)))


SQUASH = _squashed()
STRETCH = _stretched()
