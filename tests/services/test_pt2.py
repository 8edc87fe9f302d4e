"""A program of torch.export over HTTP: exported in the sandbox, smaller, answering alike."""

from pathlib import Path

import numpy as np
import torch

from tests.services.stand import SHAPE, stand_in


def test_a_program_of_torch_export_is_a_model_like_any_other(tmp_path: Path) -> None:
    torch.manual_seed(1)
    width = int(np.prod(SHAPE))
    net = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(width, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 5),
    ).eval()
    sizes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(net, (torch.zeros(2, *SHAPE),), dynamic_shapes=sizes)
    torch.export.save(program, tmp_path / "net.pt2")
    with stand_in(tmp_path) as stand:
        session = stand.in_blocks(tmp_path / "net.pt2", "pt2", tmp_path)
    x = np.random.default_rng(2).normal(size=(3, *SHAPE)).astype(np.float32)
    (door,) = session.get_inputs()
    (said,) = session.run(["output"], {door.name: x})
    wanted = net(torch.from_numpy(x)).detach().numpy()
    assert np.abs(said - wanted).max() < 0.2 * np.abs(wanted).max()
