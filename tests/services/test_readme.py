"""The curl transcripts of README work as typed, against a service that just started."""

import os
import re
import subprocess
import sys
from pathlib import Path

from examples.service import embedded

ROOT = Path(__file__).resolve().parents[2]
QUICK = (
    '{"recipe": "deep-compression", "epochs": 2, "profile": "fast", '
    '"target": {"max_bytes": 500000}}'
)


def blocks(heading: str) -> list[str]:
    section = (ROOT / "README.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def quick(deep: str) -> str:
    """The second transcript with less training: a few examples, two epochs."""
    for whole, part in (
        ('"pipeline": "deep-compression"', f'"pipeline": {QUICK}'),
        ('"split": "train"}', '"split": "train", "samples": 300}'),
        ('"split": "test"}', '"split": "test", "samples": 300}'),
    ):
        assert deep.count(whole) == 1
        deep = deep.replace(whole, part)
    return deep


def test_the_transcripts_end_with_whole_downloads(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    login, transcript = blocks("By hand, with curl")
    assert "export KEY=" in login
    (deep,) = blocks("Deep compression over HTTP")
    with embedded(tmp_path / "data") as service:
        environment = {"KEY": service.key, "LATHE": f"{service.url}/v1"}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        run = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", transcript + quick(deep)],
            cwd=tmp_path,
            env={**os.environ, **environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=480,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    assert "The limit holds." in run.stdout
    assert "small.onnx: OK\n" in run.stdout
    assert "smaller packed" in run.stdout
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "lenet5.packed").stat().st_size < 500_000
    assert (tmp_path / "lenet5.onnx").read_bytes()[:1] == b"\x08"  # a model's first field
