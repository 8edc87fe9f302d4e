"""The service's module in a process of its own."""

import subprocess
import sys

HEAVY = ("torch", "onnx", "onnxruntime", "numpy")


def test_importing_it_needs_no_environment_and_loads_no_model_library() -> None:
    code = f"import app.main, sys; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
