"""TorchScript: its own code reads and writes files when the network is called."""

import io
import warnings
from pathlib import Path

import torch

from tests.redteam.rejected import Rejected
from tests.redteam.throwaway import outcome

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch's, that this form of a model is an old one

    class Saving(torch.nn.Module):
        """Writes its input where `place` says."""

        def __init__(self, place: str) -> None:
            super().__init__()
            self.place = place

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, self.place)
            return x


def _call(path: Path) -> None:
    torch.jit.load(path)(torch.ones(2))


class TestTorchScript(Rejected):
    """A TorchScript file whose code writes a file when the network is called"""

    code, told = "not_a_model", "TorchScript"
    guard = "TorchScript is never loaded"
    instead = "`torch.jit.load`: the service has no code that loads it"

    def content(self, folder: Path) -> bytes:
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(Saving(str(folder / "ran"))), file)
        return file.getvalue()

    def test_calling_it_writes_the_file_without_the_guard(self, tmp_path: Path) -> None:
        path = tmp_path / "net.ts"
        path.write_bytes(self.content(tmp_path))
        outcome(_call, path)
        assert (tmp_path / "ran").exists()
