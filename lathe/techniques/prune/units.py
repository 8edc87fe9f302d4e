"""Removing hidden units of recurrent layers."""

from typing import Literal

from pydantic import Field

from lathe.techniques.prune.narrowing import Narrowing


class PruneUnits(Narrowing):
    """Remove the hidden units of LSTM, GRU and RNN layers that matter least.

    With a unit go its rows of every gate, what remembers it from step to step, its initial
    state and what reads it in the next layers: Wen et al., "Learning Intrinsic Sparse
    Structures within Long Short-Term Memory", arXiv:1709.05027. Of a layer that reads in both
    directions the units of one number go together.
    """

    technique: Literal["prune.units"] = "prune.units"
    keep_units: float = Field(gt=0, lt=1, description="Fraction of the units left at the end.")
    round_to: int = Field(1, ge=1, le=256, description="Counts become multiples of this.")
