"""How far a share that was counted may be from the true one.

Wilson 1927: with p = k / n and z of the confidence,

    centre = (p + z^2 / 2n) / (1 + z^2 / n)
    reach  = z / (1 + z^2 / n) sqrt(p (1 - p) / n + z^2 / 4n^2)
"""

import math

Z_95 = 1.959964


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `count` of `of` were seen."""
    share, spread = count / of, Z_95**2 / of
    centre = (share + spread / 2) / (1 + spread)
    reach = Z_95 / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return centre - reach, centre + reach
