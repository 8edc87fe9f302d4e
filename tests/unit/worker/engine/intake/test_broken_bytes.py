"""Seeded damage at random places: the answer is a model, a data set or a named refusal."""

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from lathe.errors import NotADataset, UnsupportedModel
from worker.engine.intake.dataset import inspect_dataset
from worker.engine.intake.model import inspect_model
from worker.wire import Limits

LIMITS = Limits(max_bytes=1 << 22, max_members=8)
TRIES = 40


def _damaged(data: bytes, rng: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.choice([1, 2, 8])):
        place = rng.randrange(min(len(broken), rng.choice([400, len(broken)])))
        match rng.randrange(4):
            case 0:
                broken[place : place + 4] = b"\xff\xff\xff\xff"
            case 1 if len(broken) > 20:
                del broken[place : place + 7]
            case 2:
                broken = broken[: place + 1]
            case _:
                broken[place] = rng.randrange(256)
    return bytes(broken)


@pytest.mark.parametrize("pack", ["onnx", "zip"])
def test_a_damaged_model_is_read_or_refused(
    pack: str, conv_net: onnx.ModelProto, tmp_path: Path
) -> None:
    data = conv_net.SerializeToString()
    if pack == "zip":
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("m.onnx", data)
        data = held.getvalue()
    upload, rng, refused = tmp_path / "upload", random.Random(11), 0
    for trial in range(TRIES):
        upload.write_bytes(_damaged(data, rng))
        try:
            inspect_model(upload, tmp_path / f"out{trial}", LIMITS)
        except UnsupportedModel:
            refused += 1
    assert refused > TRIES // 2


@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_data_set_is_read_or_refused(packed: bool, tmp_path: Path) -> None:
    held = io.BytesIO()
    arrays = {"train/x": np.arange(60.0).reshape(10, 6), "train/label": np.arange(10)}
    (np.savez_compressed if packed else np.savez)(held, **arrays)  # type: ignore[arg-type]
    upload, rng, refused = tmp_path / "upload", random.Random(12), 0
    for _ in range(TRIES):
        upload.write_bytes(_damaged(held.getvalue(), rng))
        try:
            inspect_dataset(upload, tmp_path / "out", {}, LIMITS)
        except NotADataset:
            refused += 1
    assert refused > TRIES // 2
