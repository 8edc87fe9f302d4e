"""What the specs of decompositions refuse, and what they fill in."""

from typing import Any

import pytest
from pydantic import ValidationError

from lathe import ids
from lathe.job import JobSpec
from lathe.techniques.decompose import (
    DecomposeCp,
    DecomposeSvd,
    DecomposeTucker,
    GivenRank,
    RankByBudget,
    RankByEnergy,
)

PAIR = {"by": "given", "rank": [8, 5]}


def test_a_rank_keeps_nine_tenths_of_the_energy_unless_it_is_told_otherwise() -> None:
    assert DecomposeSvd().rank == RankByEnergy(energy=0.9, saves="parameters")
    tucker = DecomposeTucker.model_validate({"rank": {"by": "budget", "keep_macs": 0.4}})
    assert isinstance(tucker.rank, RankByBudget)
    assert (tucker.rank.saves, tucker.rank.keep) == ("macs", 0.4)
    assert RankByBudget(keep_parameters=0.3).saves == "parameters"
    assert RankByBudget(keep_parameters=0.3).keep == 0.3


def test_kernels_are_split_in_space_unless_outputs_are_looked_at() -> None:
    assert DecomposeSvd().splits == "spatial"
    assert DecomposeSvd(kernels="channels").splits == "channels"
    assert DecomposeSvd(whiten=True).splits == "channels"


def test_two_numbers_are_a_rank_of_tucker_alone() -> None:
    tucker = DecomposeTucker.model_validate({"rank": PAIR})
    assert tucker.rank == GivenRank(rank=(8, 5))
    for technique in (DecomposeSvd, DecomposeCp):
        for rank in (PAIR, {"by": "given", "layers": {"conv": [8, 5]}}):
            with pytest.raises(ValidationError, match=r"decompose\.tucker only; give one"):
                technique.model_validate({"rank": rank})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"rank": {"by": "budget"}}, "exactly one of keep_macs and keep_parameters"),
        (
            {"rank": {"by": "budget", "keep_macs": 0.5, "keep_parameters": 0.5}},
            "exactly one of keep_macs and keep_parameters",
        ),
        ({"rank": {"by": "given"}}, "give rank, layers or both"),
        ({"rank": {"by": "given", "rank": 0}}, "greater than or equal to 1"),
        ({"rank": {"by": "energy", "energy": 1}}, "less than 1"),
        ({"rank": {"by": "vbmf", "energy": 0.5}}, "Extra inputs"),
        ({"rank": {"by": "vbmf"}, "whiten": True}, "noise in the weights alone"),
        ({"whiten": True, "kernels": "spatial"}, "set kernels to channels"),
    ],
)
def test_what_does_not_fit_together_is_refused(body: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DecomposeSvd.model_validate(body)


def test_outputs_are_looked_at_on_examples_of_either_split() -> None:
    step = {"technique": "decompose.svd", "whiten": True}
    body: dict[str, Any] = {"model": ids.new("mdl"), "pipeline": [step]}
    with pytest.raises(ValidationError, match=r"needs data\.calibration or data\.train"):
        JobSpec.model_validate(body)
    for purpose in ("calibration", "train"):
        split = {"dataset": ids.new("dat"), "split": "s"}
        assert JobSpec.model_validate(body | {"data": {purpose: split}})
