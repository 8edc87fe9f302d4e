"""Labels that a task or a training reads, and the tasks of other outputs."""

from typing import Any

import pytest

from tests.unit.app.fit.facts import (
    GOOD,
    RECOVER,
    SCORES,
    data,
    found,
    model,
    only,
    spec,
    split,
)


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
