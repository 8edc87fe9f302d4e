"""The alerts, fired by Prometheus' own promtool, where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROMETHEUS = HERE.parents[2] / "deploy/prometheus"


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed here")
    for file in (*PROMETHEUS.iterdir(), HERE / "alerts_test.yml"):
        text = file.read_text().replace("/etc/prometheus/", f"{tmp_path}/")
        (tmp_path / file.name).write_text(text)
    for words in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(
            [program, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
