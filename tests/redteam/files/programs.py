"""An honest program as `torch.export.save` writes it, to be tampered with."""

import io
import json
import zipfile
from functools import cache
from typing import Any

import torch

GRAPH = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
EXAMPLES = "data/sample_inputs/model.pt"
SIZE = "Symbol('s40', positive=True, integer=True)"


class Net(torch.nn.Module):
    """Rows (n, 3) -> (n, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.fc(rows))


@cache
def _honest() -> dict[str, bytes]:
    sizes = {"rows": {0: torch.export.Dim("batch")}}
    program = torch.export.export(Net().eval(), (torch.zeros(2, 3),), dynamic_shapes=sizes)
    file = io.BytesIO()
    torch.export.save(program, file)
    with zipfile.ZipFile(file) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def members() -> dict[str, bytes]:
    """The files of the archive, without the folder that all lie in."""
    return dict(_honest())


def graph() -> dict[str, Any]:
    """The program's graph, to be changed."""
    made: dict[str, Any] = json.loads(_honest()[GRAPH])
    return made


def packed(files: dict[str, bytes]) -> bytes:
    """The archive of these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"net/{name}", content)
    return made.getvalue()
