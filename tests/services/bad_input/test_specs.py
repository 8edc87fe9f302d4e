"""Specs that no model or no data fit, and those that only a run can refuse."""

from typing import Any

import numpy as np
import pytest

from tests.services.bad_input.crafted import DYNAMIC, judged, npz
from tests.services.bad_input.stand import Stand, problem

MISFITS: dict[str, tuple[bytes, str]] = {  # a data set, what the detail says
    "names": (npz(without="x", image=np.ones((20, 16))), "it has 'image', 'label'"),
    "dtypes": (npz(x=np.ones((20, 16), bool)), "t/x is bool, the model's input is float32"),
    "shapes": (npz(x=np.ones((20, 15), np.float32)), "15; the model's input 'x' takes 16"),
    "labels above": (npz(label=np.arange(20) % 4 + 1), "class number 4"),
    "labels below": (npz(label=np.arange(20) % 4 - 1), "start at 0"),
    "labels that are floats": (npz(label=np.ones(20)), "stored as integers"),
}
SPECS: dict[str, tuple[dict[str, Any], str, str, str]] = {  # changes, code, param, detail
    "technique": (
        {"pipeline": [{"technique": "quantize.statik"}]},
        "invalid_spec", "pipeline.0.technique", "'quantize.static'",
    ),
    "field of a step": (
        {"pipeline": [DYNAMIC | {"bitz": 3}]}, "invalid_spec", "pipeline.0.bitz", "spelling"
    ),
    "field": ({"modell": "x"}, "invalid_spec", "modell", "spelling"),
    "layer": (
        {"pipeline": [DYNAMIC | {"exclude": ["fc1.wight"]}]},
        "unknown_layer", "pipeline.0.exclude.0", "did you mean 'fc1.weight'",
    ),
    "budget": (
        {"pipeline": [{"technique": "prune.channels", "keep_macs": -1}]},
        "invalid_spec", "pipeline.0.keep_macs", "greater than 0",
    ),
    "name": ({"name": "a\0b"}, "invalid_spec", "name", "NUL"),
    "metric": (
        {"constraints": [{"metric": "accuracy", "max_drop": 0.1}]},
        "invalid_spec", "constraints.0.metric", "it measures size_bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SPECS)
def test_a_bad_spec_names_the_field_and_queues_nothing(
    stand: Stand, model: str, what: str
) -> None:
    changes, code, param, told = SPECS[what]
    before = stand.written()
    answer = stand.http.post("/v1/jobs", json={"model": model, "pipeline": [DYNAMIC]} | changes)
    assert problem(answer, 422, code, told)["param"] == param
    assert stand.written() == before


@pytest.mark.parametrize("what", MISFITS)
def test_data_that_do_not_fit_are_refused_at_submit(
    stand: Stand, model: str, what: str
) -> None:
    content, told = MISFITS[what]
    dataset = stand.ready("datasets", content)
    before = stand.written()
    answer = stand.http.post("/v1/jobs", json=judged(model, dataset, "t"))
    assert problem(answer, 422, "data_mismatch", told)["param"] == "data.evaluation"
    assert stand.written() == before


@pytest.mark.parametrize(
    ("change", "param", "told"),
    [({"split": "tran"}, "split", "'train'"), ({"samples": 65}, "samples", "64 examples")],
)
def test_a_split_that_is_not_there_is_refused(
    stand: Stand, model: str, dataset: str, change: dict[str, Any], param: str, told: str
) -> None:
    spec = judged(model, dataset, "train")
    spec["data"]["evaluation"] |= change
    before = stand.written()
    answer = stand.http.post("/v1/jobs", json=spec)
    assert problem(answer, 422, "data_mismatch", told)["param"] == f"data.evaluation.{param}"
    assert stand.written() == before


def test_an_operator_without_a_trainable_form_stands_in_the_way_of_pruning_alone(
    stand: Stand, graph_only: str
) -> None:
    view = stand.http.get(f"/v1/models/{graph_only}").json()
    assert view["capabilities"]["blocking_operators"] == [
        "SequenceAt",
        "SequenceConstruct",
    ]
    pruned = {
        "model": graph_only,
        "pipeline": [{"technique": "prune.channels", "keep_macs": 0.5}],
    }
    problem(stand.http.post("/v1/jobs", json=pruned), 422, "step_impossible", "SequenceAt")
    lowered = {"model": graph_only, "pipeline": [DYNAMIC], "benchmark": None}
    assert stand.finished(lowered)["state"] == "succeeded"


def test_a_budget_that_no_change_reaches_fails_by_name(stand: Stand, model: str) -> None:
    step = {"technique": "prune.channels", "keep_parameters": 0.001}
    job = stand.finished({"model": model, "pipeline": [step], "benchmark": None})
    assert (job["state"], job["failure"]["code"]) == ("failed", "budget_unreachable")
    assert "raise the budget" in job["failure"]["detail"]
    assert stand.http.get(f"/v1/jobs/{job['id']}/artifacts").json()["items"] == []
