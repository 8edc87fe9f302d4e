"""A .pt2 program as an upload."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lathe.errors import CorruptModel, NotAModel, UnsupportedModel
from tests.unit.worker.engine.intake.conftest import Planted
from tests.unit.worker.engine.intake.pt2.conftest import GRAPH, WEIGHTS, Net, Packed
from worker.engine.intake.load import load_model
from worker.engine.intake.model import inspect_model
from worker.engine.intake.pt2 import weights as weights_of
from worker.engine.onnx_file.read import read_model
from worker.engine.session import open_session, run
from worker.wire import Limits


def test_a_program_answers_as_torch_does(
    net: Net, members: dict[str, bytes], packed: Packed, tmp_path: Path
) -> None:
    facts = inspect_model(packed(members), tmp_path / "out.onnx", Limits())
    assert facts.format == "pt2"
    assert [(i.name, i.shape[1:]) for i in facts.io.inputs] == [("image", (1, 6, 6))]
    assert [o.name for o in facts.io.outputs] == ["scores", "sum"]
    assert facts.capabilities.batch_axis == "symbolic"
    x = np.random.default_rng(1).normal(size=(5, 1, 6, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = net(torch.from_numpy(x))
    said = run(open_session(read_model(tmp_path / "out.onnx")), {"image": x})
    for name, value in wanted.items():
        np.testing.assert_allclose(said[name], value.numpy(), atol=1e-5)


def weights(members: dict[str, bytes], **change: object) -> dict[str, bytes]:
    """With another entry for the convolution's weight."""
    config = json.loads(members[WEIGHTS])
    entry: dict[str, Any] = config["config"]["conv.weight"]
    for key, value in change.items():
        (entry if key in entry else entry["tensor_meta"])[key] = value
    return members | {WEIGHTS: json.dumps(config).encode()}


def test_a_tensor_that_is_a_pickle_is_refused_unopened(
    members: dict[str, bytes], packed: Packed, tmp_path: Path
) -> None:
    planted = pickle.dumps(Planted(tmp_path / "ran"))
    path = json.loads(members[WEIGHTS])["config"]["conv.weight"]["path_name"]
    hostile = weights(members, use_pickle=True) | {f"data/weights/{path}": planted}
    with pytest.raises(UnsupportedModel, match=r"'conv.weight' .* is a pickle"):
        load_model(packed(hostile), tmp_path / "a", Limits())
    assert not (tmp_path / "ran").exists()
    pickle.loads(planted)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sizes": [{"as_int": n} for n in (2, 1, 3, 4)]}, "larger than its file"),
        ({"storage_offset": {"as_int": 1}}, "larger than its file"),
        ({"strides": [{"as_int": n} for n in (-9, 9, 3, 1)]}, "larger than its file"),
        ({"path_name": "nowhere"}, "lacks the tensor 'conv.weight'"),
    ],
)
def test_a_tensor_that_lies_about_its_file_is_refused(
    members: dict[str, bytes], packed: Packed, tmp_path: Path, change: Any, told: str
) -> None:
    with pytest.raises(CorruptModel, match=told):
        load_model(packed(weights(members, **change)), tmp_path / "a", Limits())


def test_what_torch_does_not_understand_is_told_with_its_words(
    members: dict[str, bytes], packed: Packed, tmp_path: Path
) -> None:
    changed = members | {GRAPH: members[GRAPH].replace(b"aten.relu.default", b"aten.no.op")}
    with pytest.raises(UnsupportedModel, match=r"torch cannot export .*read by torch 2"):
        load_model(packed(changed), tmp_path / "a", Limits())


def test_an_archive_holds_exactly_one_program(
    members: dict[str, bytes], packed: Packed, tmp_path: Path
) -> None:
    two = members | {"models/other.json": members[GRAPH]}
    with pytest.raises(NotAModel, match="holds 2 programs"):
        load_model(packed(two), tmp_path / "a", Limits())
    none = {name: content for name, content in members.items() if name != WEIGHTS}
    with pytest.raises(CorruptModel, match="lacks 'net/data/weights/model_weights_config"):
        load_model(packed(none), tmp_path / "b", Limits())


def test_a_text_that_is_far_too_large_is_not_read(
    members: dict[str, bytes], packed: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_of, "MOST_TEXT_BYTES", len(members[GRAPH]) - 1)
    with pytest.raises(UnsupportedModel, match=r"'net/models/model.json' .* has more than"):
        load_model(packed(members), tmp_path / "a", Limits())


def test_a_full_memory_is_not_blamed_on_the_program(
    members: dict[str, bytes], packed: Packed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torch.onnx, "export", full)
    with pytest.raises(RuntimeError, match="allocate memory"):
        load_model(packed(members), tmp_path / "a", Limits())
