"""A small program as torch.export.save writes it."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

GRAPH = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"


class Net(torch.nn.Module):
    """Images (n, 1, 6, 6) -> scores (n, 3) and their sum; the batch norm folds away."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.norm = torch.nn.BatchNorm2d(2)
        self.fc = torch.nn.Linear(32, 3)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = self.fc(torch.relu(self.norm(self.conv(image))).flatten(1))
        return {"scores": scores, "sum": scores.sum(1)}


@pytest.fixture(scope="session")
def net() -> Net:
    torch.manual_seed(3)
    made = Net()
    made.norm.running_mean = torch.tensor([0.3, -0.2])
    return made.eval()


@pytest.fixture(scope="session")
def members(net: Net) -> dict[str, bytes]:
    """The files of the archive, without the folder that all lie in."""
    sizes = {"image": {0: torch.export.Dim("batch")}}
    file = io.BytesIO()
    program = torch.export.export(net, (torch.zeros(2, 1, 6, 6),), dynamic_shapes=sizes)
    torch.export.save(program, file)
    with zipfile.ZipFile(file) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


Packed = Callable[[dict[str, bytes]], Path]


@pytest.fixture
def packed(tmp_path: Path) -> Packed:
    def pack(members: dict[str, bytes]) -> Path:
        path = tmp_path / "net.pt2"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(f"net/{name}", content)
        return path

    return pack


@pytest.fixture
def program(members: dict[str, bytes]) -> dict[str, Any]:
    """The graph, to be changed."""
    return dict(json.loads(members[GRAPH]))
