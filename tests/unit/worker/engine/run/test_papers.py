import json
from pathlib import Path

from tests.unit.worker.engine.events.records import read
from tests.unit.worker.engine.events.test_report_events import REPORT
from worker.engine.run.papers import papers


def test_the_event_file_comes_where_it_is_asked_for(tmp_path: Path) -> None:
    assert [file.kind for file in papers(REPORT, tmp_path)] == ["report.json", "report.html"]
    spec = REPORT.spec.model_validate(
        {**REPORT.spec.model_dump(), "outputs": [{"kind": "onnx"}, {"kind": "tensorboard"}]}
    )
    files = papers(REPORT.model_copy(update={"spec": spec}), tmp_path)
    assert [file.kind for file in files] == ["report.json", "report.html", "tensorboard"]
    assert files[-1].name == "events.out.tfevents.mdl_" + "0" * 26
    assert len(read(tmp_path / files[-1].file)) > 20
    assert json.loads((tmp_path / "report.json").read_text())["verdict"]["best"] == "int8"
