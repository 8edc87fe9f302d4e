"""Archives made in the test, inspected as uploads are."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray
from PIL import Image

from lathe.errors import Refused
from lathe.facts import DatasetFacts
from lathe.layout import Layout
from worker.engine.intake.dataset import inspect_dataset
from worker.wire import Limits

LIMITS = Limits(max_bytes=1 << 24, max_members=128)
Arrays = dict[str, NDArray[np.generic]]


class Intake(Protocol):
    def __call__(
        self, data: bytes, layout: Mapping[str, object] | None = None, limits: Limits = LIMITS
    ) -> tuple[DatasetFacts, Arrays]: ...


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    """Inspect bytes as an uploaded data set: facts and arrays; a refusal leaves nothing."""
    upload, out = tmp_path / "upload", tmp_path / "out" / "data.safetensors"
    out.parent.mkdir()

    def inspected(
        data: bytes, layout: Mapping[str, object] | None = None, limits: Limits = LIMITS
    ) -> tuple[DatasetFacts, Arrays]:
        upload.write_bytes(data)
        out.unlink(missing_ok=True)
        try:
            facts = inspect_dataset(
                upload, out, {}, limits, Layout.model_validate(layout or {})
            )
        except Refused:
            assert list(out.parent.iterdir()) == []
            raise
        assert [path.name for path in out.parent.iterdir()] == [out.name]
        return facts, safetensors.numpy.load_file(out)

    return inspected


def picture(colour: tuple[int, ...] | int, size: tuple[int, int] = (4, 3)) -> bytes:
    """A PNG of `size` (width, height) in one colour; a number is a grey one."""
    held = io.BytesIO()
    mode = "L" if isinstance(colour, int) else "RGB"
    Image.new(mode, size, colour).save(held, "PNG")
    return held.getvalue()


def zipped(members: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    held = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


def npz(**arrays: NDArray[np.generic]) -> bytes:
    held = io.BytesIO()
    np.savez(held, **{name.replace("__", "/"): a for name, a in arrays.items()})  # type: ignore[arg-type]
    return held.getvalue()
