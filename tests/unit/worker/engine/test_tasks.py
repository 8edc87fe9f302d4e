from pathlib import Path

from worker.engine.measure.locks import TimingLock
from worker.engine.tasks import perform
from worker.wire import InspectDataset, InspectModel, Message, Refusal


def test_an_upload_that_cannot_be_used_comes_back_as_a_named_refusal(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"neither a model nor data")
    heard: list[Message] = []
    lock = TimingLock()
    model = perform(InspectModel(upload="upload"), tmp_path, tmp_path, heard.append, lock)
    data = perform(InspectDataset(upload="upload"), tmp_path, tmp_path, heard.append, lock)
    assert isinstance(model, Refusal)
    assert isinstance(data, Refusal)
    assert (model.failure.code, model.step) == ("not_a_model", None)
    assert (data.failure.code, data.step) == ("not_a_dataset", None)
    assert [path.name for path in tmp_path.iterdir()] == ["upload"]
