"""Splits and arrays that do not fit the model's inputs."""

from typing import Any

import pytest

from tests.unit.app.fit.facts import GOOD, IMAGE, data, found, model, only, spec, split


def test_a_split_has_to_be_there_with_enough_examples() -> None:
    code, param, detail = only(spec(), data(split("test", **GOOD), split("ss", **GOOD)))
    assert (code, param) == ("data_mismatch", "data.calibration.split")
    assert "no split 's'" in detail
    assert "'ss'" in detail
    code, param, detail = only(spec(), data(split("s", examples=0, **GOOD)))
    assert (param, "no examples" in detail) == ("data.calibration", True)
    body = spec()
    body["data"]["calibration"]["samples"] = 12
    code, param, detail = only(body)
    assert (param, "has 11 examples" in detail) == ("data.calibration.samples", True)
    body["data"]["calibration"]["samples"] = 11
    assert found(body) == []


def test_every_input_needs_an_array() -> None:
    code, param, detail = only(spec(), data(split("s", img=("float32", (3, 8, 6)))))
    assert (code, param) == ("data_mismatch", "data.calibration")
    assert "no array 'image'" in detail
    assert "'img'" in detail


@pytest.mark.parametrize(
    ("taken", "stored", "bounds", "fits"),
    [
        ("float32", "uint8", (0, 255), True),
        ("float32", "float64", (0, 1), True),
        ("float16", "int64", (0, 1), True),
        ("float32", "bool", (0, 1), False),
        ("float32", "string", (None, None), False),
        ("int64", "int32", (0, 30000), True),
        ("int32", "int64", (-5, 2**31 - 1), True),
        ("int32", "int64", (0, 2**31), False),
        ("uint8", "int16", (-1, 4), False),
        ("int64", "float32", (0, 1), False),
        ("bool", "uint8", (0, 1), True),
        ("bool", "int8", (0, 1), False),
    ],
)
def test_a_stored_type_has_to_become_the_inputs(
    taken: str, stored: str, bounds: tuple[Any, Any], fits: bool
) -> None:
    net = model(inputs=[IMAGE | {"dtype": taken}])
    refused = found(spec(), data(split("s", image=(stored, (3, 8, 6), *bounds))), net)
    assert (refused == []) is fits
    if not fits:
        assert taken in refused[0][2]
        assert refused[0][1] == "data.calibration"


@pytest.mark.parametrize(
    ("taken", "stored", "layout", "fits"),
    [
        ((3, 8, 6), (3, 8, 6), "as_is", True),
        ((3, 8, 6), (3, 6, 8), "as_is", False),
        ((3, 8, 6), (8, 6, 3), "as_is", False),
        ((3, 8, 6), (8, 6, 3), "nhwc", True),
        ((3, 8, 6), (3, 8, 6), "nhwc", False),
        ((1, 8, 6), (8, 6), "as_is", False),
        (("c", None, 6), (3, 8, 6), "as_is", True),
        (("c", "c", 6), (3, 8, 6), "as_is", False),
        ((), (), "as_is", True),
    ],
)
def test_a_stored_shape_has_to_become_the_inputs(
    taken: tuple[Any, ...], stored: tuple[int, ...], layout: str, fits: bool
) -> None:
    net = model(inputs=[IMAGE | {"shape": ("n", *taken)}])
    facts = data(split("s", image=("float32", stored)), image={"layout": layout})
    refused = found(spec(), facts, net)
    assert (refused == []) is fits


def test_a_shape_that_does_not_fit_is_told_before_and_after_its_transform() -> None:
    facts = data(split("s", image=("uint8", (8, 6, 4))), image={"layout": "nhwc"})
    _, _, detail = only(spec(), facts)
    assert "8x6x4, 4x8x6 after its transform" in detail
    assert "takes 3x8x6" in detail


def test_an_axis_of_one_name_has_one_size_in_all_inputs() -> None:
    ids_, mask = (
        {"name": name, "dtype": "int64", "shape": ["n", "words"]} for name in ("ids", "mask")
    )
    net = model(inputs=[ids_, mask])
    same = split("s", ids=("int64", (9,)), mask=("int64", (9,)))
    differs = split("s", ids=("int64", (9,)), mask=("int64", (5,)))
    assert found(spec(), data(same), net) == []
    assert "s/mask" in only(spec(), data(differs), net)[2]


def test_an_input_without_a_batch_axis_cannot_be_fed() -> None:
    net = model(inputs=[IMAGE | {"shape": []}])
    assert "no batch axis" in only(spec(), data(split("s", image=("float32", ()))), net)[2]


@pytest.mark.parametrize(("mean", "fits"), [((0.5,), True), ((1, 2, 3), True), ((1, 2), False)])
def test_a_transform_has_one_number_or_one_a_channel(
    mean: tuple[float, ...], fits: bool
) -> None:
    facts = data(split("s", **GOOD), image={"mean": mean})
    assert (found(spec(), facts) == []) is fits


def test_a_similarity_task_reads_pairs_and_other_purposes_one_side_of_them() -> None:
    task = {"kind": "similarity"}
    pair = {"a__image": ("float32", (3, 8, 6)), "b__image": ("float32", (3, 8, 6))}
    label = {"label": ("float32", (), 0, 5)}
    both = spec(purposes="calibration evaluation", task=task)
    assert found(both, data(split("s", **pair, **label))) == []
    evaluated = spec({"technique": "quantize.dynamic"}, purposes="evaluation", task=task)
    refused = found(evaluated, data(split("s", image=pair["a__image"], **label)))
    assert ["a/image" in refused[0][2], "b/image" in refused[1][2]] == [True, True]
    classified = spec(
        {"technique": "quantize.dynamic"},
        purposes="evaluation",
        task={"kind": "classification"},
    )
    assert "no array 'image'" in found(classified, data(split("s", **pair)))[0][2]
    assert found(spec(task=None), data(split("s", **pair))) == []
    half = {"a__image": pair["a__image"]}
    assert found(spec(task=None), data(split("s", **half))) == []
    unjudged = spec({"technique": "quantize.dynamic"}, purposes="evaluation")
    assert "b/image" in only(unjudged, data(split("s", **half)))[2]
