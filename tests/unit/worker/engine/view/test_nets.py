"""Every net goes through intake, agrees with onnxruntime, learns a step and comes back."""

from pathlib import Path

import onnx
import pytest
import torch

from tests.unit.worker.engine.view.nets import NETS, net
from worker.engine import gate, probe
from worker.engine.intake.canonical import canonicalise
from worker.engine.intake.tidy import tidy
from worker.engine.onnx_file.spill import Spill
from worker.engine.session import open_session, run
from worker.engine.view import TorchView, torch_view, write_back

BLIND = {  # numbers that one step cannot move: the first state is zero in the only step made
    "sequences of several lengths": {"r_2x12x3"},
}


def _floats(model: onnx.ModelProto) -> dict[str, bytes]:
    floats = (t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)
    return {t.name: t.raw_data for t in floats if len(t.dims)}


def _agree(view: TorchView, model: onnx.ModelProto, seed: int) -> None:
    session = open_session(model)
    for batch in (2, 5):
        inputs = probe.random_inputs(model, batch, seed)
        assert gate.distance(run(session, inputs), view.outputs(inputs)) <= 1


def _step(view: TorchView, model: onnx.ModelProto) -> None:
    inputs = probe.random_inputs(model, 4, seed=3)
    answers = view.forward({name: torch.from_numpy(a) for name, a in inputs.items()})
    loss = torch.stack([y.square().mean() for y in answers.values()]).sum()
    loss.backward()
    torch.optim.SGD(view.module.parameters(), lr=0.05).step()


@pytest.mark.parametrize("name", NETS)
def test_a_net_is_the_same_in_torch_learns_a_step_and_comes_back(
    name: str, tmp_path: Path
) -> None:
    upload = net(name)
    weights = {name for name in _floats(upload) if "_" in name}
    tidy(upload)
    with Spill(tmp_path / "spill") as spill:
        canonical = canonicalise(upload, spill)
    model = canonical.model
    assert (canonical.batch_axis, canonical.findings) == ("symbolic", [])
    assert weights <= _floats(model).keys()
    view = torch_view(model)
    _agree(view, upload, seed=1)
    _step(view, model)
    result = write_back(view, model)
    _agree(view, result, seed=2)
    before, after = _floats(model), _floats(result)
    statistics = {n for n in weights if n[0] in "mv" and n[1] == "_" and "x" not in n}
    still = {n for n in weights if before[n] == after[n]} - BLIND.get(name, set())
    assert still <= statistics
