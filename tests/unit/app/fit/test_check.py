"""Each way in which data, layers, teachers or a task can fail to fit, by hand-made facts."""

from typing import Any

import pytest

from app.fit.check import refusals
from app.fit.known import KnownFacts
from lathe import ids
from lathe.facts import DatasetFacts, ModelFacts
from lathe.job import JobSpec

MODEL, OTHER, DATA = ids.new("mdl"), ids.new("mdl"), ids.new("dat")
IMAGE = {"name": "image", "dtype": "float32", "shape": ["n", 3, 8, 6]}
SCORES = {"name": "scores", "dtype": "float32", "shape": ["n", 7]}
QUANTIZE = {"technique": "quantize.static"}
RECOVER = {"technique": "train.recover"}


def model(**changes: Any) -> ModelFacts:
    layers = [
        {
            "id": name,
            "operator": "Conv",
            "weight_shape": [4, 3, 3, 3],
            "parameters": 108,
        }
        for name in ("conv1.weight", "conv2.weight", "head.weight")
    ]
    facts: dict[str, Any] = {
        "format": "onnx",
        "io": {
            "inputs": changes.pop("inputs", [IMAGE]),
            "outputs": changes.pop("outputs", [SCORES]),
        },
        "stats": {
            "size_bytes": 9,
            "parameters": 324,
            "macs": changes.pop("macs", 700),
            "opset": 18,
            "operators": {"Conv": 3},
            "layers": layers,
        },
        "capabilities": {"torch_view": True, **changes},
    }
    return ModelFacts.model_validate(facts)


def split(name: str, examples: int = 11, **fields: Any) -> dict[str, Any]:
    """`image=("float32", (3, 8, 6))`, a label as `("int64", (), least, largest)`."""
    listed = []
    for field, (dtype, shape, *bounds) in fields.items():
        low, high = bounds or (None, None)
        listed.append(
            {
                "name": field.replace("__", "/"),
                "dtype": dtype,
                "shape": shape,
                "minimum": low,
                "maximum": high,
            }
        )
    return {"name": name, "examples": examples, "fields": listed}


GOOD = {"image": ("float32", (3, 8, 6)), "label": ("int64", (), 0, 6)}


def data(*splits: dict[str, Any], **transforms: dict[str, Any]) -> DatasetFacts:
    whole = {"format": "npz", "splits": splits, "transforms": transforms}
    return DatasetFacts.model_validate(whole)


def spec(
    *pipeline: dict[str, Any], purposes: str = "calibration", **more: Any
) -> dict[str, Any]:
    splits = {purpose: {"dataset": DATA, "split": "s"} for purpose in purposes.split()}
    return {
        "model": MODEL,
        "data": splits,
        "pipeline": pipeline or (QUANTIZE,),
        "benchmark": None,
        **more,
    }


def found(
    body: dict[str, Any],
    dataset: DatasetFacts | None = None,
    net: ModelFacts | None = None,
    other: ModelFacts | None = None,
) -> list[tuple[str, str | None, str]]:
    known = KnownFacts(
        models={MODEL: net or model(), OTHER: other or model()},
        datasets={DATA: dataset or data(split("s", **GOOD))},
    )
    refused = refusals(JobSpec.model_validate(body), known)
    return [(refusal.code, refusal.param, refusal.detail) for refusal in refused]


def only(*args: Any, **kwargs: Any) -> tuple[str, str | None, str]:
    (one,) = found(*args, **kwargs)
    return one


def test_what_fits_is_not_refused() -> None:
    task = {"kind": "classification"}
    body = spec(RECOVER, QUANTIZE, purposes="train calibration evaluation", task=task)
    assert found(body) == []


def test_facts_that_are_not_known_are_not_looked_at() -> None:
    assert refusals(JobSpec.model_validate(spec()), KnownFacts()) == []
    only_the_model = KnownFacts(models={MODEL: model()})
    assert refusals(JobSpec.model_validate(spec()), only_the_model) == []


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


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (("int64", (), 0, 6), None),
        (("uint8", (1,), 0, 6), None),
        (("int64", (), 0, 7), "class number 7, but the output 'scores' has 7 classes"),
        (("int64", (), -1, 6), "class number -1"),
        (("float32", (), 0, 6), "stored as integers"),
        (("int64", (7,), 0, 1), "shape 7"),
        (None, "no array 'label'"),
    ],
)
def test_class_labels_are_integers_below_the_number_of_classes(
    label: tuple[Any, ...] | None, told: str | None
) -> None:
    fields = {"image": GOOD["image"]} | ({"label": label} if label else {})
    body = spec(
        {"technique": "quantize.dynamic"},
        purposes="evaluation",
        task={"kind": "classification"},
    )
    refused = found(body, data(split("s", **fields)))
    assert [(r[0], r[1]) for r in refused] == (
        [("data_mismatch", "data.evaluation")] if told else []
    )
    if told:
        assert told in refused[0][2]


def test_dense_labels_lack_the_class_axis_of_the_output() -> None:
    dense = SCORES | {"shape": ["n", 5, 8, 6]}
    body = spec(
        {"technique": "quantize.dynamic"},
        purposes="evaluation",
        task={"kind": "classification"},
    )
    for shape, highest, count in (((8, 6), 4, 0), ((8, 6), 5, 1), ((6, 8), 4, 1)):
        facts = data(split("s", image=GOOD["image"], label=("int64", shape, 0, highest)))
        assert len(found(body, facts, model(outputs=[dense]))) == count


def test_the_tasks_output_decides_which_label_is_read() -> None:
    outputs = [SCORES, {"name": "age", "dtype": "float32", "shape": ["n", 2]}]
    task = {"kind": "regression", "output": "age"}
    body = spec({"technique": "quantize.dynamic"}, purposes="evaluation", task=task)
    named = data(split("s", image=GOOD["image"], label__age=("float32", (2,), 0, 90)))
    assert found(body, named, model(outputs=outputs)) == []
    wrong = data(split("s", image=GOOD["image"], label__scores=("float32", (2,), 0, 1)))
    assert "no array 'label'" in only(body, wrong, model(outputs=outputs))[2]
    three = data(split("s", image=GOOD["image"], label=("float32", (3,), 0, 1)))
    assert "one target for each value" in only(body, three, model(outputs=outputs))[2]
    body["task"] = {"kind": "regression", "output": "agee"}
    code, param, detail = only(body, named, model(outputs=outputs))
    assert (code, param) == ("invalid_spec", "task.output")
    assert "did you mean 'age'?" in detail


def test_labels_are_asked_of_train_only_where_a_step_learns_from_them() -> None:
    plain = data(split("s", image=GOOD["image"], label=GOOD["label"]))
    bare = data(split("s", image=GOOD["image"]))
    task = {"kind": "classification"}
    body = spec(RECOVER, purposes="train", task=None)
    assert only(body, plain)[:2] == ("step_impossible", "task")
    both = spec(RECOVER, purposes="train evaluation", task=task)
    assert [refusal[1] for refusal in found(both, bare)] == ["data.train", "data.evaluation"]
    teach = spec({"technique": "train.distill"}, purposes="train evaluation", task=task)
    assert "train.distill with a loss.hard above 0 reads" in found(teach, bare)[0][2]
    taught = {"technique": "train.distill", "loss": {"hard": 0}}
    assert found(spec(taught, purposes="train", task=None), bare) == []
    assert "there is no task" in only(spec(taught | {"loss": {}}, purposes="train"), bare)[2]


def test_a_step_that_trains_for_no_epoch_asks_for_no_labels_and_no_task() -> None:
    bare = data(split("s", image=GOOD["image"]))
    mask = {"technique": "prune.weights", "sparsity": 0.9}
    assert found(spec(mask, purposes="train", task=None), bare) == []
    assert "there is no task" in only(spec(mask | {"epochs": 1}, purposes="train"), bare)[2]


def test_a_similarity_task_cannot_be_trained_on() -> None:
    pair = {"a__image": GOOD["image"], "b__image": GOOD["image"], "label": ("float32", ())}
    body = spec(RECOVER, purposes="train evaluation", task={"kind": "similarity"})
    code, param, _ = only(body, data(split("s", **pair)))
    assert (code, param) == ("step_impossible", "pipeline.0.technique")


def test_a_layer_that_is_not_there_is_told_with_the_closest() -> None:
    prune = {"technique": "prune.channels", "keep_macs": 0.5}
    body = spec(prune | {"protect": ["conv1.weight", "conv2.wieght"]}, purposes="")
    code, param, detail = only(body)
    assert (code, param) == ("unknown_layer", "pipeline.0.protect.1")
    assert "'conv2.weight'" in detail
    body = spec({"technique": "quantize.dynamic", "exclude": ["fc"]}, purposes="")
    assert only(body)[1] == "pipeline.0.exclude.0"
    body = spec({"technique": "quantize.dynamic", "exclude": ["conv*", "cnv*"]}, purposes="")
    assert only(body)[1] == "pipeline.0.exclude.1"
    body = spec(prune | {"protect": ["conv*"]}, purposes="")
    assert only(body)[1] == "pipeline.0.protect.0"


def test_a_step_that_trains_needs_a_torch_view() -> None:
    net = model(torch_view=False, blocking_operators=["Loop", "NonZero"])
    body = spec({"technique": "prune.channels", "keep_parameters": 0.5}, purposes="")
    code, param, detail = only(body, net=net)
    assert (code, param) == ("step_impossible", "pipeline.0.technique")
    assert "'Loop', 'NonZero'" in detail
    assert found(spec(), net=net) == []


def test_weights_shared_without_training_need_neither_a_torch_view_nor_labels() -> None:
    net = model(torch_view=False, blocking_operators=["Loop"])
    bare = data(split("s", image=GOOD["image"]))
    share = {"technique": "share.rate_distortion"}
    assert found(spec(share, purposes="calibration"), bare, net) == []
    fed_back = share | {"assignment": "feedback"}
    assert found(spec(fed_back, purposes="train", task=None), bare, net) == []
    told = only(spec(share | {"loss": {"hard": 0}}, purposes="train", task=None), bare, net)
    assert told[:2] == ("step_impossible", "pipeline.0.technique")
    rounds = share | {"assignment": "rounds", "loss": {"hard": 0}}
    assert only(spec(rounds, purposes=""), net=net)[:2] == told[:2]


def test_a_budget_in_macs_needs_known_macs() -> None:
    body = spec({"technique": "prune.channels", "keep_macs": 0.5}, purposes="")
    assert only(body, net=model(macs=None))[1] == "pipeline.0.keep_macs"
    rank = {"by": "budget", "keep_macs": 0.5}
    body = spec({"technique": "decompose.svd", "rank": rank}, purposes="")
    assert only(body, net=model(macs=None))[1] == "pipeline.0.rank.keep_macs"
    assert found(body) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"inputs": [IMAGE | {"shape": ["batch", 3, "h", None]}]}, None),
        ({"inputs": [IMAGE | {"shape": ["n", 1, 8, 6]}]}, "?x"),
        ({"inputs": [IMAGE | {"name": "x"}]}, "its inputs are 'x'"),
        ({"outputs": [SCORES | {"dtype": "float16"}]}, "'scores' is float16"),
        ({"outputs": [SCORES, SCORES | {"name": "more"}]}, "its outputs are 'scores', 'more'"),
    ],
)
def test_baseline_and_teachers_have_the_models_doors(
    changes: dict[str, Any], told: str | None
) -> None:
    teach = {
        "technique": "train.distill",
        "teachers": [{"model": "baseline"}, {"model": OTHER}],
        "loss": {"hard": 0},
    }
    refused = found(spec(teach, purposes="train", baseline=OTHER), other=model(**changes))
    params = [refusal[1] for refusal in refused]
    assert params == (["baseline", "pipeline.0.teachers.1.model"] if told else [])
    if told and told != "?x":
        assert told in refused[0][2]


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ({}, {}, None),
        ({}, {"inputs": [IMAGE | {"shape": ["batch", 3, "h", None]}]}, None),
        ({}, {"outputs": [SCORES | {"shape": ["n", 8]}]}, "its output 'scores' is nx8"),
        (
            {"inputs": [IMAGE | {"shape": ["n", 3, 8, "w"]}]},
            {},
            "its input 'image' is nx3x8x6 and the model's nx3x8xw, so it takes less",
        ),
        ({}, {"torch_view": False, "blocking_operators": ["Det"]}, "have none: 'Det'"),
    ],
)
def test_a_student_has_the_models_doors_and_a_trainable_form(
    ours: dict[str, Any], theirs: dict[str, Any], told: str | None
) -> None:
    teach = {"technique": "train.distill", "student": OTHER, "loss": {"hard": 0}}
    refused = found(spec(teach, purposes="train"), net=model(**ours), other=model(**theirs))
    if told is None:
        assert refused == []
    else:
        ((_, param, detail),) = refused
        assert told in detail
        blocked = "torch_view" in theirs
        assert param == f"pipeline.0.{'technique' if blocked else 'student'}"


def test_a_model_without_a_trainable_form_may_teach_a_student_that_has_one() -> None:
    teach = {"technique": "train.distill", "student": OTHER, "loss": {"hard": 0}}
    unseen = model(torch_view=False, blocking_operators=["Det"])
    assert found(spec(teach, purposes="train"), net=unseen) == []


def test_later_steps_find_the_layers_of_the_student() -> None:
    teach = {"technique": "train.distill", "student": OTHER, "loss": {"hard": 0}}
    cut = {"technique": "prune.channels", "keep_parameters": 0.5, "protect": ["only.weight"]}
    known = model().model_dump()
    known["stats"]["layers"] = [known["stats"]["layers"][0] | {"id": "only.weight"}]
    student = ModelFacts.model_validate(known)
    body = spec(teach, cut, purposes="train")
    assert found(body, other=student) == []
    assert only(body, net=student)[1] == "pipeline.1.protect.0"


TILT = {"kind": "regression", "name": "tilt", "output": "tilt"}
ANGLE = {"name": "tilt", "dtype": "float32", "shape": ["n", 2]}


@pytest.mark.parametrize(
    ("also", "field", "told"),
    [
        (TILT, {"label__tilt": ("float32", (2,))}, None),
        (TILT, {}, ("data.train", "has no array 'label/tilt', which train.recover reads")),
        (TILT, {"label__tilt": ("float32", (3,))}, ("data.train", "give one target for each")),
        (
            TILT | {"output": "title"},
            {"label__tilt": ("float32", (2,))},
            ("task.also.0.output", "no output 'title'; did you mean 'tilt'?"),
        ),
        (
            TILT | {"output": "scores", "kind": "classification"},
            {"label__scores": ("int64", (), 0, 6)},
            ("task.also.0.output", "the task itself is judged by the output 'scores'"),
        ),
    ],
)
def test_a_further_task_has_an_output_and_labels_of_its_own(
    also: dict[str, Any], field: dict[str, Any], told: tuple[str, str] | None
) -> None:
    task = {"kind": "classification", "also": [also]}
    body = spec(RECOVER, purposes="train evaluation", task=task)
    held = data(split("s", **GOOD, **field))
    refused = found(body, held, net=model(outputs=[SCORES, ANGLE]))
    if told is None:
        assert refused == []
    else:
        assert refused[0][1] == told[0]
        assert told[1] in refused[0][2]
