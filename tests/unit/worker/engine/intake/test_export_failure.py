import errno

import pytest

from lathe.errors import CorruptModel, UnsupportedModel
from worker.engine.intake.export_failure import SHOWN_ERROR, refusing_to_export


def test_what_the_library_said_stands_between_what_failed_and_the_remedy() -> None:
    bug = ValueError("no rule\n for   aten::roll")
    with (
        pytest.raises(UnsupportedModel) as caught,
        refusing_to_export("no ONNX", "use opset 18"),
    ):
        raise bug
    assert caught.value.detail == "no ONNX (ValueError: no rule for aten::roll); use opset 18"
    assert caught.value.__cause__ is bug


def test_of_a_long_story_the_beginning_is_told() -> None:
    with pytest.raises(UnsupportedModel) as caught, refusing_to_export("", ""):
        raise ValueError("x" * 10 * SHOWN_ERROR)
    assert caught.value.detail.count("x") == SHOWN_ERROR


@pytest.mark.parametrize(
    "error",
    [CorruptModel("half a file"), MemoryError(), OSError(errno.ENOSPC, "full")],
    ids=["refusal", "memory", "disk"],
)
def test_what_says_more_itself_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, refusing_to_export("no ONNX", "use opset 18"):
        raise error
    assert caught.value is error
