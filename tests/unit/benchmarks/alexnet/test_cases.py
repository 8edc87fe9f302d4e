"""Every pipeline that is compared is a job that the service would take."""

from typing import Any

import pytest

from benchmarks.alexnet.cases import (
    CASES,
    CONNECTED,
    CONVOLUTIONS,
    TOGETHER,
    Asked,
    pipeline,
    recovery,
)
from lathe.job import JobSpec

MODEL, DATA = "mdl_01k3b8e0q0f3zv3x5m8b2k7y9d", "dat_01k3b8e0q0f3zv3x5m8b2k7y9d"
ALONE = {
    "quantized": "quantize.static",
    "filters": "prune.channels",
    "neurons": "prune.neurons",
    "svd": "decompose.svd",
}
SMALLER = ("filters", "neurons", "svd")


def asked(*, learns: bool) -> Asked:
    return Asked(
        ranges=[{"of": "image", "low": -2.1, "high": 2.6}],
        rank={"by": "budget", "keep_parameters": 0.4},
        keep_macs=0.6,
        keep_neurons=0.5,
        recover=recovery(quick=False) if learns else [],
        profile="small",
    )


def steps(case: str, *, learns: bool) -> list[Any]:
    data = {"calibration": {"dataset": DATA, "split": "train"}}
    if learns:
        data["train"] = {"dataset": DATA, "split": "train"}
    said = {"model": MODEL, "data": data, "pipeline": pipeline(case, asked(learns=learns))}
    spec = JobSpec.model_validate(said)
    assert spec.packing is not None
    return [step for step in spec.pipeline if step is not spec.packing]


@pytest.mark.parametrize("learns", [True, False])
def test_alone_means_one_technique_and_at_most_the_training_that_it_needs(
    *, learns: bool
) -> None:
    for case, technique in ALONE.items():
        first, *rest = steps(case, learns=learns)
        assert first.technique == technique
        expected = ["train.recover"] if learns and case in SMALLER else []
        assert [step.technique for step in rest] == expected


def test_together_are_the_same_four_steps_with_one_training_before_the_integers() -> None:
    every = steps(TOGETHER, learns=True)
    alone = {case: steps(case, learns=True)[0] for case in CASES if case != TOGETHER}
    *smaller, training, integers = every
    assert smaller == [alone["filters"], alone["neurons"], alone["svd"]]
    assert training.technique == "train.recover"
    assert integers == alone["quantized"]


def test_filters_are_of_convolutions_and_only_connected_layers_are_decomposed() -> None:
    assert steps("filters", learns=False)[0].protect == CONNECTED
    assert steps("svd", learns=False)[0].protect == CONVOLUTIONS


def test_weights_and_activations_are_asymmetric_in_the_ranges_that_are_given() -> None:
    (step,) = steps("quantized", learns=True)
    assert not step.weights.symmetric
    assert not step.activations.symmetric
    assert [(r.of, r.low, r.high) for r in step.calibration.ranges] == [("image", -2.1, 2.6)]
