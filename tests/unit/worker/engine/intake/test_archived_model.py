"""Models in archives with data beside them, and every way to abuse that."""

import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import CorruptModel, UnsafeArchive, UnsafeExternalData
from lathe.facts import ModelFacts
from worker.wire import Limits


class Inspect(Protocol):
    def __call__(self, data: bytes, limits: Limits = ...) -> ModelFacts: ...


WEIGHT = np.arange(6, dtype=np.float32).tobytes()


def _external(location: str, **more: str) -> onnx.ModelProto:
    """Float "x" (n, 2) times "w" (2, 3), which lies in another file, is "y"."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 3])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        weight.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return held.getvalue()


def _tar(members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


def test_external_data_of_a_lone_file_asks_for_a_zip(inspect: Inspect, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHT)
    with pytest.raises(UnsafeExternalData, match="upload a zip"):
        inspect(_external("w.bin").SerializeToString())


@pytest.mark.parametrize("pack", ["zip", "tar", "tar.gz"])
def test_external_data_inside_the_archive_is_read_and_inlined(
    pack: str, inspect: Inspect, tmp_path: Path
) -> None:
    model = _external("data/w.bin", offset="4", length="24").SerializeToString()
    members = {
        "net/m.onnx": model,
        "net/data/w.bin": b"skip" + WEIGHT,
        "__MACOSX/._m.onnx": b"",
    }
    infos = [(tarfile.TarInfo(name), data) for name, data in members.items()]
    data = {
        "zip": lambda: _zip(members),
        "tar": lambda: _tar(infos),
        "tar.gz": lambda: _tar(infos, "w:gz"),
    }[pack]()
    facts = inspect(data)
    assert facts.format == "onnx-archive"
    (tensor,) = onnx.load(tmp_path / "out" / "canonical.onnx").graph.initializer
    assert numpy_helper.to_array(tensor).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["canonical.onnx"]


@pytest.mark.parametrize(
    ("location", "more"),
    [
        ("../w.bin", {}),
        ("/etc/hostname", {}),
        ("data/../../w.bin", {}),
        ("C:w.bin", {}),
        ("..\\w.bin", {}),
        ("missing.bin", {}),
        ("w.bin", {"offset": "1"}),
        ("w.bin", {"length": "23"}),
        ("w.bin", {"offset": "-4"}),
        ("w.bin", {"offset": "9" * 30}),
        ("", {}),
    ],
)
def test_external_data_that_points_elsewhere_is_refused(
    location: str, more: dict[str, str], inspect: Inspect, tmp_path: Path
) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHT)
    model = _external(location, **more).SerializeToString()
    with pytest.raises(UnsafeExternalData, match="'w'"):
        inspect(_zip({"m.onnx": model, "w.bin": WEIGHT}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(
    kind: bytes, inspect: Inspect, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(WEIGHT)
    link = tarfile.TarInfo("w.bin")
    link.type, link.linkname = kind, str(secret)
    model = _external("w.bin").SerializeToString()
    with pytest.raises(UnsafeArchive, match=r"'w\.bin' is a link or a device"):
        inspect(_tar([(tarfile.TarInfo("m.onnx"), model), (link, b"")]))


def test_a_symlink_in_a_zip_is_refused(inspect: Inspect) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        link = zipfile.ZipInfo("w.bin")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hostname")
        archive.writestr("m.onnx", _external("w.bin").SerializeToString())
    with pytest.raises(UnsafeArchive, match=r"'w\.bin' is a link"):
        inspect(held.getvalue())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../m.onnx", "points outside"),
        ("/m.onnx", "relative path"),
        ("a/../../m.onnx", "points outside"),
        ("C:/m.onnx", "relative path"),
        ("a\\m.onnx", "relative path"),
        ("n" * 300, "too long"),
    ],
)
@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_a_member_name_that_leaves_the_archive_is_refused(
    name: str, said: str, pack: str, inspect: Inspect
) -> None:
    data = _zip({name: b"x"}) if pack == "zip" else _tar([(tarfile.TarInfo(name), b"x")])
    with pytest.raises(UnsafeArchive, match=said):
        inspect(data)


@pytest.mark.parametrize("pack", ["zip", "tar.gz"])
def test_a_bomb_is_refused_by_its_ratio(pack: str, inspect: Inspect) -> None:
    zeros = bytes(3 << 20)
    data = (
        _zip({"m.onnx": zeros})
        if pack == "zip"
        else _tar([(tarfile.TarInfo("m.onnx"), zeros)], "w:gz")
    )
    with pytest.raises(UnsafeArchive, match="200 times"):
        inspect(data)


def test_an_archive_over_the_size_limit_is_refused(inspect: Inspect) -> None:
    data = _zip({"m.onnx": b"\x08" * 3000, "w.bin": b"\x08" * 3000}, zipfile.ZIP_STORED)
    with pytest.raises(UnsafeArchive, match="more than 5000 bytes"):
        inspect(data, Limits(max_bytes=5000))


def test_more_members_than_allowed_are_refused(inspect: Inspect) -> None:
    names = {f"f{k}": b"" for k in range(9)}
    with pytest.raises(UnsafeArchive, match="8"):
        inspect(_zip(names))
    with pytest.raises(UnsafeArchive, match="8"):
        inspect(_tar([(tarfile.TarInfo(name), b"") for name in names]))


def test_a_header_that_lies_about_its_size_does_not_help(inspect: Inspect) -> None:
    data = bytearray(_zip({"m.onnx": bytes(3 << 20)}))
    directory = data.rfind(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 1000)  # uncompressed size
    with pytest.raises(CorruptModel, match="to its end"):
        inspect(bytes(data))


def test_a_huge_extended_tar_header_is_not_swallowed(inspect: Inspect) -> None:
    info = tarfile.TarInfo("m.onnx")
    info.pax_headers = {"comment": "x" * (3 << 20)}
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    with pytest.raises(UnsafeArchive, match="far too large"):
        inspect(held.getvalue())


def test_a_file_that_is_also_a_folder_is_refused(inspect: Inspect) -> None:
    with pytest.raises(UnsafeArchive, match="a file and a folder"):
        inspect(_zip({"a": b"x", "a/b": b"x"}))


def test_a_member_whose_own_header_names_it_otherwise_is_corrupt(inspect: Inspect) -> None:
    data = bytearray(_zip({"m.onnx": b"x"}))
    data[6:8], data[30] = b"\x00\x08", 0x93  # its name is said to be UTF-8
    with pytest.raises(CorruptModel, match="cannot be read to its end"):
        inspect(bytes(data))


@pytest.mark.parametrize("cut", [10, 400])
def test_an_archive_cut_short_is_corrupt(cut: int, inspect: Inspect) -> None:
    noise = np.random.default_rng(1).bytes(2000)
    with pytest.raises(CorruptModel, match="to its end"):
        inspect(_zip({"m.onnx": noise})[:-cut])
    packed = _tar([(tarfile.TarInfo("m.onnx"), noise)], "w:gz")
    with pytest.raises(CorruptModel, match="to its end"):
        inspect(packed[: len(packed) // 2])


def test_a_place_that_is_no_text_is_corrupt(inspect: Inspect) -> None:
    model = _external("w.bin").SerializeToString().replace(b"w.bin", b"w\xffbin")
    with pytest.raises(CorruptModel, match="is not text"):
        inspect(_zip({"m.onnx": model, "w.bin": WEIGHT}))
