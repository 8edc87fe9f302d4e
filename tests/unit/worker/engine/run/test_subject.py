from pathlib import Path

import pytest

from lathe.facts import Capabilities, IoSpec, ModelFacts, ModelStats
from worker.engine.run.subject import Subject

FACTS = ModelFacts(
    format="onnx",
    io=IoSpec(inputs=(), outputs=()),
    stats=ModelStats(size_bytes=40, parameters=10, macs=7, opset=18, operators={}, layers=()),
    capabilities=Capabilities(torch_view=True),
)


@pytest.mark.parametrize(
    ("uploaded", "counted"), [(None, 40), (22, 22), (57, 40)], ids=["archive", "half", "larger"]
)
def test_a_result_has_to_be_smaller_than_the_smaller_of_upload_and_canonical_file(
    tmp_path: Path, uploaded: int | None, counted: int
) -> None:
    file = tmp_path / "canonical.onnx"
    file.write_bytes(bytes(40))
    sizes = [m.value for m in Subject.baseline(file, FACTS, uploaded).costs()]
    assert sizes == [counted, 10, 7]
