from pathlib import Path

import pytest

from app.store.blobs.objects import Objects
from app.store.deposit import Stored
from lathe.errors import OutOfDisk
from worker.stage import _fetched


def test_a_full_disk_of_the_worker_is_not_blamed_on_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OutOfDisk("the object store's disk is full")

    monkeypatch.setattr(Objects, "read_to_file", full)
    objects = Objects.open(f"file://{tmp_path / 'objects'}")
    with pytest.raises(OutOfDisk, match="the worker's disk is full"):
        _fetched(objects, Stored("models/3f/3f9a", "0" * 64, 7), tmp_path / "model.onnx")
