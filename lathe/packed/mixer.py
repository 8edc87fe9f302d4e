"""The chance of a bit, from counters under several contexts and what else is known.

Logistic mixing: Mahoney, "Adaptive weighing of context models for lossless data compression",
Florida Tech CS-2005-16. With s_i the logit of input i:

    p = squash(sum_i w_i s_i),  w_i += rate (bit - p) s_i,  rate = 1 / 128 (logits in nats)
    counter: p += (bit - p) / (n + 1.6),  n = bits seen, at most 1023

All in whole numbers: a counter is p * 2**22 * 1024 + n, a weight has 20 binary places.
"""

from operator import mul

from lathe.packed.binary import Bits
from lathe.packed.logistic import LIMIT, SQUASH, STRETCH

ONE = 1 << 20  # the weight 1
_MOST = 1023  # bits that a counter remembers
_PACE = tuple(65536 * 10 // (10 * seen + 16) for seen in range(_MOST + 1))
_SURE = (1 << 22) - 1  # the chance 1 in a counter
_RATE = 11  # error (16 places) * logit (8 places) >> 11 is the step of a weight (20 places)
_HALF = 1 << _RATE - 1


class Mixer:
    """Counters by place and sets of weights; each bit that it sees teaches it."""

    def __init__(self, places: int, chance: int, sets: int, weights: list[int]) -> None:
        """`places` counters that begin at `chance` / 65536; `sets` times these `weights`."""
        self._counters = [chance << 16 | 1] * places
        self._sets = [weights.copy() for _ in range(sets)]

    def bit(self, bits: Bits, chosen: int, places: list[int], known: list[int]) -> int:
        """The next of `bits`, by the counters at `places` and the logits `known`."""
        counters, weights = self._counters, self._sets[chosen]
        logits = [STRETCH[counters[place] >> 16] for place in places]
        logits += known
        total = sum(map(mul, weights, logits)) >> 20
        if total > LIMIT or total < -LIMIT:
            total = LIMIT if total > 0 else -LIMIT
        chance = SQUASH[LIMIT + total]
        bit = bits.bit(chance)
        error, sure = (65536 - chance, _SURE) if bit else (-chance, 0)
        for place in places:
            counter = counters[place]
            seen = counter & _MOST
            moved = (sure - (counter >> 10)) * _PACE[seen] >> 16
            counters[place] = counter + (moved << 10) + (seen < _MOST)
        for number, logit in enumerate(logits):
            weights[number] += error * logit + _HALF >> _RATE
        return bit
