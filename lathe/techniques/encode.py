"""Coding: the same model in fewer bytes, always without loss."""

from typing import ClassVar, Literal

from pydantic import Field

from lathe.techniques.step import Phase, Step

Profile = Literal["fast", "small"]


class EncodeEntropy(Step):
    """Hand the model over as a packed file too: entropy-coded, decoded bit for bit by
    `lathe unpack`.

    Zeros, grids and codebooks that earlier steps made are what makes it small: Han, Mao and
    Dally, "Deep Compression", ICLR 2016, arXiv:1510.00149, section 4.
    """

    phase: ClassVar[Phase] = Phase.ENCODE

    technique: Literal["encode.entropy"] = "encode.entropy"
    profile: Profile = Field(
        "small",
        description="small takes for each tensor the coder with the fewest bytes; fast only "
        "those that decode by the vector, for models of many million weights.",
    )
