"""What the example inputs of a .pt2 program would run, read without running it."""

import collections
import io
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from lathe.errors import UnsupportedModel
from tests.unit.worker.engine.intake.conftest import Planted
from worker.engine.intake.pt2.examples import check_examples
from worker.engine.onnx_file.place import whole


def check(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    check_examples({"net/model.pt": whole(path)}, "net/model.pt")


def saved(value: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


HONEST = (
    (torch.zeros(2, 3), [torch.ones(1, dtype=torch.int64), None, True, 2.5]),
    collections.OrderedDict(mask=torch.zeros(1, dtype=torch.bfloat16), size=torch.Size([3])),
)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_plain_examples_pass_however_they_were_saved(
    tmp_path: Path, protocol: int, *, zipped: bool
) -> None:
    how = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
    check(tmp_path, saved(HONEST, **how))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("zipped", [True, False])
def test_examples_that_run_something_are_refused_unopened(
    tmp_path: Path, protocol: int, *, zipped: bool
) -> None:
    planted = (torch.zeros(1), Planted(tmp_path / "ran"))
    content = (
        saved(planted, pickle_protocol=protocol)
        if zipped
        else pickle.dumps(planted[1], protocol)
    )
    with pytest.raises(UnsupportedModel, match=r"would run '(__builtin__|builtins|pathlib)\."):
        check(tmp_path, content)
    assert not (tmp_path / "ran").exists()


def test_a_name_that_a_memo_gives_back_is_seen(tmp_path: Path) -> None:
    # protocol 4: 'posix' and 'system' are memoized, popped, fetched again, joined
    content = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x940" + b"0h\x00h\x01\x93."
    with pytest.raises(UnsupportedModel, match=r"would run 'posix\.system'"):
        check(tmp_path, content)


def pickled(protocol: int, *codes: bytes) -> bytes:
    return b"\x80" + bytes([protocol]) + b"".join(codes) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


EVIL = pickled(2, b"cposix\nsystem\n")
PLAIN = pickled(2, b"N")


@pytest.mark.parametrize(
    "content",
    [
        pickled(2, b"ctorch\nos.system\n"),  # torch has imported os
        pickled(2, b"ctorch.hub\nload\n"),
        pickled(4, text("posix"), text("system"), text("torch"), text("Size"), b"00", b"\x93"),
        pickled(4, text("torch"), text("Size"), b"00", b"U\x05posix", b"U\x06system", b"\x93"),
        zipped(("a/b/data.pkl", PLAIN), ("archive/data.pkl", EVIL)),
        PLAIN + EVIL,  # a file without a zip has several
        EVIL + zipped(("archive/data.pkl", PLAIN)),  # torch goes by the first bytes
    ],
    ids=["dotted", "hub", "popped", "other-texts", "second", "behind", "before-a-zip"],
)
def test_a_call_is_seen_wherever_it_hides(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnsupportedModel, match="would run"):
        check(tmp_path, content)


def test_a_tar_is_not_looked_into(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(EVIL)
        archive.addfile(entry, io.BytesIO(EVIL))
    with pytest.raises(UnsupportedModel, match="a tar"):
        check(tmp_path, file.getvalue())


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_call_in_a_file_of_an_older_release_is_seen(tmp_path: Path, protocol: int) -> None:
    how = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": False}
    with pytest.raises(UnsupportedModel, match="would run"):
        check(tmp_path, saved((torch.zeros(1), Planted(tmp_path / "ran")), **how))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x80\x02broken", bytes(99)])
def test_what_nobody_can_open_is_nothing_to_fear(tmp_path: Path, content: bytes) -> None:
    check(tmp_path, content)
    check_examples({}, "net/model.pt")
