"""Random numbers that depend on their place alone: a key, a row, a column.

SplitMix64, Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
2014: a counter that grows by GAMMA, scrambled by `mix`. Each row starts at a counter of its
own, mix(key + GAMMA (row + 1)), so no order, batch size or device changes what it draws.
"""

import math

import torch

GAMMA = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
WORD = 64
KEPT_BITS = 24  # a float32 holds that many exactly


def uniform(key: int, rows: torch.Tensor, columns: int) -> torch.Tensor:
    """(len(rows), columns) float32 in [0, 1), multiples of 2^-24, on the device of `rows`,
    which are int64."""
    start = _mix((rows + 1) * _signed(GAMMA) + _signed(key))
    steps = torch.arange(1, columns + 1, device=rows.device) * _signed(GAMMA)
    words = _mix(start[:, None] + steps)
    return _shifted(words, WORD - KEPT_BITS).to(torch.float32) * 2.0**-KEPT_BITS


def normal(key: int, rows: torch.Tensor, columns: int) -> torch.Tensor:
    """(len(rows), columns) float32, standard normal: Box and Muller, 1958.

    z = sqrt(-2 ln(1 - a)) cos(2 pi b),  a and b uniform in [0, 1)
    """
    drawn = uniform(key, rows, 2 * columns)
    radius = (-2 * torch.log1p(-drawn[:, :columns])).sqrt()
    return radius * torch.cos(2 * math.pi * drawn[:, columns:])


def _mix(word: torch.Tensor) -> torch.Tensor:
    word = (word ^ _shifted(word, 30)) * _signed(FIRST)
    word = (word ^ _shifted(word, 27)) * _signed(SECOND)
    return word ^ _shifted(word, 31)


def _shifted(word: torch.Tensor, bits: int) -> torch.Tensor:
    """Shifted right with zeros coming in; torch repeats the sign."""
    return (word >> bits) & ((1 << (WORD - bits)) - 1)


def _signed(word: int) -> int:
    word &= (1 << WORD) - 1
    return word - (1 << WORD) if word >> (WORD - 1) else word
