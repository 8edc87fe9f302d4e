"""Safetensors of one file and of many."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lathe.errors import CorruptModel, UnsupportedModel
from worker.engine.intake.hugging_face.weights import Stored, stored, tensors

SHARDS = {"u": "a", "v": "a", "w": "b"}


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """u (2, 3) and v (4,) in the file a; w (5, 1) and another v in b."""
    files = {name: tmp_path / name for name in "ab"}
    save_file({"u": torch.full((2, 3), 2.0), "v": torch.full((4,), 3.0)}, files["a"])
    save_file({"w": torch.full((5, 1), 5.0), "v": torch.full((4,), 7.0)}, files["b"])
    return files


def test_every_tensor_is_taken_from_the_file_that_the_index_names(
    paths: dict[str, Path],
) -> None:
    held = stored(paths, SHARDS)
    assert held == {
        "u": Stored(paths["a"], (2, 3)),
        "v": Stored(paths["a"], (4,)),
        "w": Stored(paths["b"], (5, 1)),
    }
    assert [held[name].elements for name in "uvw"] == [6, 4, 5]
    assert {name: value.unique().item() for name, value in tensors(held).items()} == {
        "u": 2,
        "v": 3,
        "w": 5,
    }


def test_without_an_index_all_of_a_file_is_taken(paths: dict[str, Path]) -> None:
    assert sorted(stored({"b": paths["b"]}, None)) == ["v", "w"]


def test_an_index_that_lists_more_than_its_files_hold_is_damaged(
    paths: dict[str, Path],
) -> None:
    with pytest.raises(CorruptModel, match="lists 2 tensors that its files lack, such as 'u'"):
        stored({"a": paths["a"], "b": paths["b"]}, {"u": "b", "v": "a", "x": "a"})


def test_a_file_cut_short_is_damaged(paths: dict[str, Path]) -> None:
    paths["a"].write_bytes(paths["a"].read_bytes()[:-1])
    with pytest.raises(CorruptModel, match="'a' is no safetensors file"):
        stored(paths, None)


def test_numbers_of_eight_bits_with_an_exponent_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save_file({"u": torch.zeros(3, dtype=torch.float8_e4m3fn)}, path)
    with pytest.raises(UnsupportedModel, match="'u' in 'a' holds F8_E4M3 numbers"):
        stored({"a": path}, None)
