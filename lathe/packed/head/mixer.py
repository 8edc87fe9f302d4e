"""The chance of each bit of a token, from what followed the same contexts before.

Every token is eight bits, the highest first. For each of its contexts a slot holds the chance
of a one and how often it was asked; the logits of these chances are added with weights that
are learned on the way, one set for each kind of token (logistic mixing: M. Mahoney, "Adaptive
weighing of context models for lossless data compression", 2005):

    p = squash(sum_i w_i s_i),  s_i = stretch(p_i) c(n_i),  w_i += rate (bit - p) s_i
    p_i += (bit - p_i) / (n_i + 1.5)

All of it in integers. A slot that nobody asked yet counts nothing: c(0) = 0.
"""

from typing import Protocol

from lathe.packed.logistic import LIMIT, SQUASH, STRETCH

CONTEXTS = 6
Context = tuple[int, ...]
Contexts = tuple[Context, Context, Context, Context, Context, Context]
SLOTS = 1 << 18
KINDS = 256  # of tokens: sets of weights
_MASK = SLOTS - 1
_FRESH = 32768 << 8  # a slot: chance * 256 + count
_MOST = 126  # counts beyond it change nothing
_WEIGHT = 22000  # of each context at first, in 65536ths
_RATE = 6
_PACE = tuple(65536 * 2 // (2 * count + 3) for count in range(_MOST + 1))
_TRUST = (0, 150, 190, 215, 230, 240, 246, 250, 253, *(256,) * (_MOST - 8))  # of 256


def mixed(*parts: int) -> int:
    """One context of 32 bits made of several numbers."""
    whole = 0
    for part in parts:
        whole = (whole * 0x2F0B4C47 + part + 1) & 0xFFFFFFFF
    return whole ^ whole >> 15


class Bits(Protocol):
    """Where the bits come from, or go to."""

    def bit(self, chance: int) -> int:
        """The next bit, a one with a chance of `chance` / 65536."""


class Mixer:
    """What was learned; `copy` it to keep a state."""

    def __init__(self) -> None:
        self._slots = [_FRESH] * SLOTS
        self._weights = [_WEIGHT] * (KINDS * CONTEXTS)

    def copy(self) -> "Mixer":
        """A mixer that knows the same."""
        other = Mixer.__new__(Mixer)
        other._slots = self._slots.copy()  # noqa: SLF001 - its own class
        other._weights = self._weights.copy()  # noqa: SLF001
        return other

    def token(self, kind: int, contexts: Contexts, bits: Bits) -> int:
        """The next token, 0 to 255, of a kind and under its contexts; learns from it.

        One context after the other is spelled out: a loop over them takes twice as long.
        """
        slots, weights, stretch, trust, pace = (
            self._slots,
            self._weights,
            STRETCH,
            _TRUST,
            _PACE,
        )
        at = kind * CONTEXTS
        base0, base1, base2, base3, base4, base5 = (
            (mixed(*context) * 0x9E3779B1 + place * 0x632BE5AB & 0xFFFFFFFF) >> 7
            for place, context in enumerate(contexts)
        )
        w0, w1, w2, w3, w4, w5 = weights[at : at + CONTEXTS]
        token = 1
        while token < 256:  # noqa: PLR2004 - eight bits behind the leading one
            step = token * 0x2C1B3C6D
            slot0 = slots[place0 := base0 + step & _MASK]
            slot1 = slots[place1 := base1 + step & _MASK]
            slot2 = slots[place2 := base2 + step & _MASK]
            slot3 = slots[place3 := base3 + step & _MASK]
            slot4 = slots[place4 := base4 + step & _MASK]
            slot5 = slots[place5 := base5 + step & _MASK]
            s0 = stretch[slot0 >> 8] * trust[n0 := slot0 & 0xFF] >> 8
            s1 = stretch[slot1 >> 8] * trust[n1 := slot1 & 0xFF] >> 8
            s2 = stretch[slot2 >> 8] * trust[n2 := slot2 & 0xFF] >> 8
            s3 = stretch[slot3 >> 8] * trust[n3 := slot3 & 0xFF] >> 8
            s4 = stretch[slot4 >> 8] * trust[n4 := slot4 & 0xFF] >> 8
            s5 = stretch[slot5 >> 8] * trust[n5 := slot5 & 0xFF] >> 8
            total = w0 * s0 + w1 * s1 + w2 * s2 + w3 * s3 + w4 * s4 + w5 * s5 >> 16
            total = LIMIT if total > LIMIT else max(total, -LIMIT)
            chance = SQUASH[total + LIMIT]
            bit = bits.bit(chance)
            error = ((bit << 16) - chance) * _RATE
            target = 65535 if bit else 0
            w0 += s0 * error >> 14
            w1 += s1 * error >> 14
            w2 += s2 * error >> 14
            w3 += s3 * error >> 14
            w4 += s4 * error >> 14
            w5 += s5 * error >> 14
            known = slot0 >> 8
            slots[place0] = known + ((target - known) * pace[n0] >> 16) << 8 | n0 + (n0 < _MOST)
            known = slot1 >> 8
            slots[place1] = known + ((target - known) * pace[n1] >> 16) << 8 | n1 + (n1 < _MOST)
            known = slot2 >> 8
            slots[place2] = known + ((target - known) * pace[n2] >> 16) << 8 | n2 + (n2 < _MOST)
            known = slot3 >> 8
            slots[place3] = known + ((target - known) * pace[n3] >> 16) << 8 | n3 + (n3 < _MOST)
            known = slot4 >> 8
            slots[place4] = known + ((target - known) * pace[n4] >> 16) << 8 | n4 + (n4 < _MOST)
            known = slot5 >> 8
            slots[place5] = known + ((target - known) * pace[n5] >> 16) << 8 | n5 + (n5 < _MOST)
            token = token << 1 | bit
        weights[at : at + CONTEXTS] = w0, w1, w2, w3, w4, w5
        return token & 0xFF
