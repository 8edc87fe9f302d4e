"""A model is inspected in little memory of its own: large tensors stay in their files."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.large_model import large_model

WEIGHT_BYTES = 160 << 20
GROWTH_BYTES = (
    96 << 20
)  # activations and the runtime; twice the weights before they were mapped
EVERY_S = 0.005

CHILD = """
import sys
from pathlib import Path
from worker.engine.intake.model import inspect_model
from worker.wire import Limits

print("ready", flush=True)
sys.stdin.readline()
facts = inspect_model(Path(sys.argv[1]), Path(sys.argv[2]), Limits())
print(facts.stats.parameters, facts.stats.size_bytes, facts.capabilities.torch_view)
"""


def test_inspection_never_holds_the_weights_in_memory_of_its_own(tmp_path: Path) -> None:
    upload = large_model(tmp_path, WEIGHT_BYTES, width=512)
    canonical = tmp_path / "canonical.onnx"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, upload, canonical],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        before = peak = _anonymous_bytes(child.pid)
        child.stdin.write("go\n")
        child.stdin.close()
        while child.poll() is None:
            peak = max(peak, _anonymous_bytes(child.pid))
            time.sleep(EVERY_S)
        parameters, size_bytes, torch_view = child.stdout.readline().split()
    assert child.returncode == 0
    assert 4 * int(parameters) > WEIGHT_BYTES
    assert int(size_bytes) == canonical.stat().st_size > WEIGHT_BYTES
    assert torch_view == "True"
    assert peak - before < GROWTH_BYTES


def _anonymous_bytes(pid: int) -> int:
    """RssAnon of a process; 0 once it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "RssAnon":
            return int(value.split()[0]) << 10
    return 0
