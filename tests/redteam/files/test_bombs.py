"""Small files that want to become large ones."""

import io
import os
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.redteam.door import Door
from tests.redteam.files.archives import MIB, member, quoted, tarred, zipped
from tests.redteam.rejected import Rejected
from tests.unit.worker.engine.intake.formats.little_memory import little_memory
from tests.unit.worker.engine.intake.formats.parquet_files import (
    BY_DICTIONARY,
    BYTES,
    INT64,
    Written,
    numbers,
    page,
    parquet_file,
    run,
    texts,
)
from worker.engine.intake import tar_archive, zip_archive
from worker.engine.intake.formats import picture
from worker.engine.intake.formats.picture import Form
from worker.engine.intake.formats.table import parquet_claims
from worker.engine.intake.formats.table.parquet_table import ParquetTable
from worker.engine.onnx_file.place import whole
from worker.wire import Limits

COUNTED = "what really comes out is counted, against the packed size and in all"
BOUNDLESS = Limits(max_ratio=1 << 40)


class TestZipBomb(Rejected):
    """A zip of a model that is 1000 times its packed size"""

    code, told = "unsafe_archive", "200 times its packed size"
    guard = COUNTED

    def content(self, folder: Path) -> bytes:
        return zipped({"m.onnx": bytes(64 * MIB)})

    def test_it_unfolds_a_thousandfold_without_the_guard(self, tmp_path: Path) -> None:
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        placed = zip_archive.unpack_zip(upload, tmp_path / "inside", BOUNDLESS)
        assert placed["m.onnx"].size_bytes > 1000 * upload.stat().st_size


class TestArrayBomb(Rejected):
    """An `.npz` of zeros, 1000 times its packed size"""

    kind, code, told = "datasets", "not_a_dataset", "200 times its packed size"
    guard = COUNTED

    def content(self, folder: Path) -> bytes:
        packed = io.BytesIO()
        np.savez_compressed(packed, **{"t/x": np.zeros(64 * MIB, np.uint8)})
        return packed.getvalue()

    def test_it_unfolds_a_thousandfold_without_the_guard(self, tmp_path: Path) -> None:
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        placed = zip_archive.unpack_zip(upload, tmp_path / "inside", BOUNDLESS)
        assert placed["t/x.npy"].size_bytes > 900 * upload.stat().st_size


class TestOverlappingMembers:
    """A zip whose members share one kernel, each modest, all of them together enormous"""

    seen = "data set rejected, `not_a_dataset`"
    guard = COUNTED
    count: ClassVar[int] = 60

    def content(self) -> bytes:
        return quoted(self.count, os.urandom(12 << 10) + bytes(MIB))

    def test_the_upload_is_rejected_by_name(self, door: Door) -> None:
        view = door.sent("datasets", self.content())
        assert (view["state"], view["failure"]["code"]) == ("rejected", "not_a_dataset")

    def test_no_member_alone_is_a_bomb_and_all_are_without_the_guard(
        self, tmp_path: Path
    ) -> None:
        content, unfolded = self.content(), 0
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                assert info.file_size < 200 * info.compress_size
                with archive.open(info) as file:
                    unfolded += len(file.read())
        assert unfolded > 2000 * len(content)
        upload = tmp_path / "upload"
        upload.write_bytes(content)
        placed = zip_archive.unpack_zip(upload, tmp_path / "inside", BOUNDLESS)
        assert sum(place.size_bytes for place in placed.values()) == unfolded


class TestNestedBomb(Rejected):
    """Zips inside zips inside a zip, ten at each level"""

    code, told = "not_a_model", "no .onnx file"
    guard = "an archive inside an archive is a file like any other, and is not opened"
    instead = "a reader that opens them: the service has no code that opens an archive twice"

    def content(self, folder: Path) -> bytes:
        inner = zipped({f"{k}.bin": bytes(MIB) for k in range(10)})
        for level in range(2):
            inner = zipped({f"{level}-{k}.zip": inner for k in range(10)})
        return inner

    def test_opening_all_of_them_unfolds_it_without_the_guard(self, tmp_path: Path) -> None:
        content = self.content(tmp_path)
        assert _unfolded(content) == 1000 * MIB
        assert 20_000 * len(content) < 1000 * MIB


def _unfolded(content: bytes) -> int:
    """Bytes that come out at the bottom; equal members are opened once and counted."""
    total, known = 0, dict[bytes, int]()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            inside = archive.read(name)
            if name.endswith(".zip"):
                if inside not in known:
                    known[inside] = _unfolded(inside)
                total += known[inside]
            else:
                total += len(inside)
    return total


class TestGzipBomb(Rejected):
    """A `.tar.gz` that is 1000 times its packed size"""

    code, told = "unsafe_archive", "200 times its packed size"
    guard = COUNTED

    def content(self, folder: Path) -> bytes:
        return tarred(member("m.onnx", bytes(64 * MIB)), mode="w:gz")

    def test_it_unfolds_a_thousandfold_without_the_guard(self, tmp_path: Path) -> None:
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        placed = tar_archive.unpack_tar(upload, tmp_path / "in", BOUNDLESS, gzipped=True)
        assert placed["m.onnx"].size_bytes > 900 * upload.stat().st_size


class TestGiantTarHeader(Rejected):
    """A `.tar.gz` whose extended header alone is 16 MiB, which tar libraries hold in memory"""

    code, told = "unsafe_archive", "header of the tar file is far too large"
    guard = "between two members a megabyte may pass, no more"

    def content(self, folder: Path) -> bytes:
        info, content = member("m.onnx", b"x")
        info.pax_headers = {"comment": "a" * (16 * MIB)}
        return tarred((info, content), mode="w:gz")

    def test_tarfile_holds_all_of_it_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tar_archive, "HEADER_BYTES", 1 << 40)
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        assert upload.stat().st_size < MIB
        seen = []
        monkeypatch.setattr(tar_archive, "_admitted", lambda one, _: seen.append(one) or "m")
        tar_archive.unpack_tar(upload, tmp_path / "in", BOUNDLESS, gzipped=True)
        assert len(seen[0].pax_headers["comment"]) == 16 * MIB


class TestPictureBomb(Rejected):
    """A PNG of a few kilobytes and 10,000 x 10,000 pixels"""

    kind, code, told = "datasets", "not_a_dataset", "make it smaller"
    guard = "the header's size is checked before a pixel is decoded"

    def content(self, folder: Path) -> bytes:
        file = io.BytesIO()
        Image.new("1", (10_000, 10_000)).save(file, "PNG")
        return zipped({"cat/1.png": file.getvalue(), "dog/1.png": file.getvalue()})

    def test_its_pixels_are_thousands_of_times_the_file_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with zipfile.ZipFile(io.BytesIO(self.content(tmp_path))) as archive:
            content = archive.read("cat/1.png")
        monkeypatch.setattr(picture, "MOST_PIXELS", 1 << 40)
        found = picture.header("cat/1.png", io.BytesIO(content))
        form = Form(found.size, 1, "stretch", last=True)
        pixels = picture.pixels("cat/1.png", io.BytesIO(content), form)
        assert pixels.nbytes > 5000 * len(content)


class TestTableBomb(Rejected):
    """A parquet table of a few kilobytes and twenty million rows, all alike"""

    kind, code, told = "datasets", "not_a_dataset", "200 times its size"
    guard = COUNTED

    def content(self, folder: Path) -> bytes:
        column = pa.array(np.zeros(20_000_000, np.int64))
        file = io.BytesIO()
        pq.write_table(pa.table({"x": column, "label": column}), file, compression="zstd")
        return file.getvalue()

    def test_its_rows_are_thousands_of_times_the_file_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parquet_claims, "MOST_RATIO", 1 << 40)
        path = tmp_path / "upload"
        path.write_bytes(self.content(tmp_path))
        table = ParquetTable.open({"train": {"": whole(path)}})
        table.profiled(table.names, set())
        assert 16 * table.counts()["train"] > 1000 * path.stat().st_size


class TestGiantPage(Rejected):
    """A parquet table of half a kilobyte with a page that says it unfolds to 1.4 GB"""

    kind, code, told = "datasets", "not_a_dataset", "say that one unfolds to 1472023808 bytes"
    guard = "the headers of all pages are read before a page is"

    def content(self, folder: Path) -> bytes:
        eight = page(bytes(64), 8, codec=1, says={2: 1_472_023_808})
        return parquet_file({"x": Written(INT64, 8, (eight,), 1), "label": numbers(8)}, 8)

    def test_arrow_asks_for_that_much_without_the_guard(self, tmp_path: Path) -> None:
        content = self.content(tmp_path)
        assert len(content) < 512
        refused = pytest.raises(pa.ArrowMemoryError, match="1472023808")
        with pq.ParquetFile(io.BytesIO(content)) as file, refused, little_memory(1400 * MIB):
            file.read(use_threads=False)


class TestRepeatedText(Rejected):
    """A parquet table of a kilobyte with one text of a megabyte for a thousand rows"""

    kind, code, told = "datasets", "not_a_dataset", "200 times its size"
    guard = "the longest text of a dictionary bounds the rows that are read at once"

    def content(self, folder: Path) -> bytes:
        pages = (
            page(texts(b"a" * MIB), 1, dictionary=True, codec=6),
            page(bytes([1]) + run(0, 1000, 1), 1000, encoding=BY_DICTIONARY, codec=6),
        )
        text = Written(BYTES, 1000, pages, 6, text=True)
        return parquet_file({"label": text, "x": numbers(1000)}, 1000)

    def test_arrow_asks_for_a_gigabyte_without_the_guard(self, tmp_path: Path) -> None:
        content = self.content(tmp_path)
        assert len(content) < 1024
        refused = pytest.raises(pa.ArrowMemoryError)
        with pq.ParquetFile(io.BytesIO(content)) as file, refused, little_memory(1000 * MIB):
            file.read(use_threads=False)
