"""`lathe unpack`: what it prints, what it leaves, how it ends."""

import importlib.util
from pathlib import Path

import onnx
import pytest
from onnx import helper
from typer.testing import CliRunner

from lathe.cli import app
from tests.fuzz.crafted import plainly_packed


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
    path = tmp_path / "net.packed"
    path.write_bytes(plainly_packed(onnx.ModelProto(graph=graph).SerializeToString()))
    return path


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["unpack", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_model_lands_beside_the_file_or_where_it_is_asked_for(packed: Path) -> None:
    status, said = run(packed)
    assert status == 0
    assert "net.onnx" in said
    assert onnx.load(packed.with_name("net.onnx")).graph.node[0].op_type == "Relu"
    other = packed.with_name("other.onnx")
    assert run(packed, "-o", other)[0] == 0
    assert other.read_bytes() == packed.with_name("net.onnx").read_bytes()


def test_a_file_that_is_there_is_replaced_only_when_told_to(packed: Path) -> None:
    target = packed.with_name("net.onnx")
    target.write_bytes(b"mine")
    status, said = run(packed)
    assert (status, target.read_bytes()) == (2, b"mine")
    assert "--force" in said
    assert run(packed, "--force")[0] == 0
    assert target.read_bytes() != b"mine"


def test_what_cannot_be_unpacked_ends_with_its_reason(packed: Path) -> None:
    status, said = run(packed, "--max-bytes", "10")
    assert (status, "the limit is 10" in said.replace("\n", " ")) == (4, True)
    status, said = run(packed, "-o", packed.parent / "nowhere" / "net.onnx")
    assert (status, "nowhere/net.onnx: No such file" in said.replace("\n", "")) == (6, True)
    packed.write_bytes(packed.read_bytes()[:-1])
    status, said = run(packed)
    assert (status, "checksum" in said) == (4, True)
    assert not packed.with_name("net.onnx").exists()


def test_without_numpy_it_says_how_to_get_it(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    status, said = run(packed)
    assert (status, "lathe[packed]" in said) == (2, True)
