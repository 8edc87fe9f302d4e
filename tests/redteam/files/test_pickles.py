"""Pickles by every name that they go by: whoever opens one runs what is in it."""

import io
import json
import pickle
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from tests.redteam.planted import Planted, pickled
from tests.redteam.rejected import Rejected
from tests.redteam.throwaway import outcome
from worker.engine.intake import npy_header
from worker.engine.intake.npy_header import BadArrayError, read_npy_header

UNOPENED = "no pickle is opened: files are told by their first bytes, archives by their members"
OPENED = "{}, which opens it: the service has no code that opens a pickle"


def _unpickle(content: bytes) -> None:
    pickle.loads(content)


def _torch_load(path: Path) -> None:
    torch.load(path, weights_only=False)


class TestBarePickle(Rejected):
    """A `.pkl`, or the old form of a `.pt`, uploaded as a model"""

    code, told = "not_a_model", "which runs code"
    guard = UNOPENED
    instead = OPENED.format("Python's `pickle`")

    def content(self, folder: Path) -> bytes:
        return pickled(folder / "ran")

    def test_unpickling_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        assert outcome(_unpickle, self.content(tmp_path)) == 0
        assert (tmp_path / "ran").exists()


class TestPickleAsData(Rejected):
    """A pickle uploaded as a data set"""

    kind, code, told = "datasets", "not_a_dataset", "pickle"
    guard = UNOPENED
    instead = OPENED.format("Python's `pickle`")

    def content(self, folder: Path) -> bytes:
        return pickled(folder / "ran")

    def test_unpickling_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        assert outcome(_unpickle, self.content(tmp_path)) == 0
        assert (tmp_path / "ran").exists()


class TestCheckpoint(Rejected):
    """A `.pt` as `torch.save` writes it: a zip with `data.pkl` inside"""

    code, told = "not_a_model", "PyTorch checkpoint"
    guard = UNOPENED
    instead = OPENED.format("`torch.load`")

    def content(self, folder: Path) -> bytes:
        packed = io.BytesIO()
        torch.save({"weight": torch.ones(2), "hook": Planted(folder / "ran")}, packed)
        return packed.getvalue()

    def test_torch_load_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        path = tmp_path / "net.pt"
        path.write_bytes(self.content(tmp_path))
        assert outcome(_torch_load, path) == 0
        assert (tmp_path / "ran").exists()


def _np_load(path: Path) -> None:
    np.load(path, allow_pickle=True)["t/x"]


class TestObjectArray(Rejected):
    """An `.npz` whose array holds Python objects"""

    kind, code, told = "datasets", "not_a_dataset", "pickled and run code"
    guard = "array headers are parsed here, and only plain numbers go on to be read"
    instead = OPENED.format("`numpy.load`")

    def content(self, folder: Path) -> bytes:
        array = np.array([Planted(folder / "ran")] * 2, dtype=object)
        packed = io.BytesIO()
        np.savez(packed, **{"t/x": array})
        return packed.getvalue()

    def test_numpy_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        path = tmp_path / "data.npz"
        path.write_bytes(self.content(tmp_path))
        assert outcome(_np_load, path) == 0
        assert (tmp_path / "ran").exists()


def _eval_header(content: bytes) -> None:
    """Read the header as the service does, but for the one function."""
    npy_header.ast = SimpleNamespace(literal_eval=eval)  # type: ignore[assignment]
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        archive.open("t/x.npy") as member,
        suppress(BadArrayError),  # when the harm is done
    ):
        read_npy_header(member.read)


class TestCodeInAnArrayHeader(Rejected):
    """An `.npy` header, which is Python text, that is a call and no dict"""

    kind, code, told = "datasets", "not_a_dataset", "header that cannot be read"
    guard = "`ast.literal_eval`, which knows values and no calls"

    def content(self, folder: Path) -> bytes:
        text = f"__import__('pathlib').Path({str(folder / 'ran')!r}).touch()".encode()
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("t/x.npy", array)
        return packed.getvalue()

    def test_eval_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        assert outcome(_eval_header, self.content(tmp_path)) == 0
        assert (tmp_path / "ran").exists()


class TestPickleInAModelFolder(Rejected):
    """A Hugging Face folder whose weights are a pickle (`pytorch_model.bin`)"""

    code, told = "not_a_model", "pytorch_model.bin"
    guard = "only safetensors are taken from a model folder"
    instead = OPENED.format("`torch.load`")

    def content(self, folder: Path) -> bytes:
        weights = io.BytesIO()
        torch.save({"w": Planted(folder / "ran")}, weights)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("config.json", json.dumps({"model_type": "bert"}))
            archive.writestr("pytorch_model.bin", weights.getvalue())
        return packed.getvalue()

    def test_torch_load_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        path = tmp_path / "pytorch_model.bin"
        with zipfile.ZipFile(io.BytesIO(self.content(tmp_path))) as archive:
            path.write_bytes(archive.read("pytorch_model.bin"))
        assert outcome(_torch_load, path) == 0
        assert (tmp_path / "ran").exists()
