"""The curl transcript of README works as typed, against a service that just started."""

import os
import re
import subprocess
from pathlib import Path

from examples.service import embedded

ROOT = Path(__file__).resolve().parents[2]


def transcript() -> str:
    section = (ROOT / "README.md").read_text().split("## By hand, with curl")[1]
    first, second = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:2]
    assert "export KEY=" in first
    return second


def test_the_transcript_ends_with_a_whole_download(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with embedded(tmp_path / "data") as service:
        run = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", transcript()],
            cwd=tmp_path,
            env={**os.environ, "KEY": service.key, "LATHE": f"{service.url}/v1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    assert "The limit holds." in run.stdout
    assert run.stdout.endswith("small.onnx: OK\n")
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
