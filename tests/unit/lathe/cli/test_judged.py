"""Which task `lathe compress` takes where none is named."""

from typing import Any

import pytest

from lathe.cli.judged import classified, warned
from lathe.views import DatasetView, ModelView
from tests.unit.lathe.cli.played import dataset, model


def net(*shapes: tuple[int | str, ...]) -> ModelView:
    outputs = [{"name": f"y{n}", "dtype": "float32", "shape": s} for n, s in enumerate(shapes)]
    return ModelView.model_validate(model() | {"io": {"inputs": [], "outputs": outputs}})


def labelled(*labels: int, left_out: int = 0) -> DatasetView:
    summary: dict[str, Any] = {
        "splits": [],
        "classes": [{"label": label, "examples": {"test": 3}} for label in labels],
        "classes_left_out": left_out,
    }
    return DatasetView.model_validate(dataset(("test", 7)) | {"summary": summary})


def test_classes_that_the_network_answers_for_are_what_is_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert classified(net(("batch", 4)), labelled(3, 0)) == "classification"
    said = capsys.readouterr()
    assert not said.out
    assert "answers with 4 numbers" in said.err


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (net(("batch", 3)), labelled(0, 3)),  # class 3 has no number
        (net(("batch", 4)), labelled()),
        (net(("batch", 4)), labelled(0, 1, left_out=2)),
        (net(("batch", 4), ("batch", 4)), labelled(0, 1)),  # which of the two
        (net(("batch", 4, 8, 8)), labelled(0, 1)),
        (net(("batch", "n")), labelled(0, 1)),
        (net(("batch", 4)), None),
    ],
)
def test_where_that_is_not_plain_nothing_is_said(
    model: ModelView, data: DatasetView | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classified(model, data) is None
    assert not capsys.readouterr().err


def test_examples_that_are_looked_at_and_judge_are_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    apart = {"evaluation": {"split": "test"}, "calibration": {"split": "train"}}
    warned(apart)
    warned({"evaluation": {"split": "test"}})
    warned({"calibration": {"split": "test"}})
    assert not capsys.readouterr().err
    warned(apart | {"train": {"split": "test"}})
    assert "the split test is the only one" in capsys.readouterr().err
