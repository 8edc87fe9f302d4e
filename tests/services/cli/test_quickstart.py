"""docs/quickstart.md, typed: every command works, and prints what stands below it.

Ids and numbers differ from run to run, and with them widths; what was found about speed depends
on who else uses the machine. All else is compared, line by line.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.services.cli.conftest import Shop

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "quickstart.md"
CUT = "----- below -----"
BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.DOTALL)
VARIES = (
    (re.compile(r"\b(job|mdl|dat|art)_[0-9a-z]{26}"), r"\1_"),
    (re.compile(r"https?://[\d.:]+"), "URL"),
    (re.compile(r"[━─┳┏┓┡╇┩└┴┘│┃]+"), "|"),
    (re.compile(r"[\d,]+(\.\d+)?"), "N"),
    (re.compile(r"[+-]N"), "N"),
    (re.compile(r"N(x|X) (faster|slower|smaller|larger|more|less|fewer)"), "Nx"),
    (re.compile(r"the same"), "Nx"),
    (re.compile(r"[ \t]+"), " "),
)


def blocks() -> list[tuple[str, str]]:
    """What is typed, and what stands below it, behind the set-up."""
    page = PAGE.read_text().split("source .venv/bin/activate", 1)[1].split("```", 1)[1]
    return [(match[1], match[2]) for match in BLOCK.finditer(page)]


def told(text: str) -> list[str]:
    """The lines of an output that are the same in every run; one that is said while a job waits
    or runs may be missing, and the verdict has words for each thing it finds."""
    for varies, kept in VARIES:
        text = varies.sub(kept, text)
    lines = (line.strip() for line in text.splitlines())
    passing = ("waiting", "Nx", "| |")
    return [line for line in lines if not line.startswith(passing) and ": running" not in line]


def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    script, expected = "", [""]
    for kind, text in blocks():
        if kind == "sh":
            script += f"echo '{CUT}'\n{text}"
            expected.append("")
        else:
            expected[-1] = text
    script = script.replace("lathe up", f"lathe up --port {port}").replace(":8000", f":{port}")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    own = {n: v for n, v in os.environ.items() if not n.startswith("LATHE_")}
    own |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    own["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "-e", "-m", "-c", script],
        cwd=tmp_path,
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=540,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert Shop(tmp_path, own).is_left_alone()
    printed = run.stdout.split(f"{CUT}\n")
    assert len(printed) == len(expected)
    for ran, written in zip(printed, expected, strict=True):
        if written:
            assert told(ran) == told(written)
    assert (tmp_path / "small" / "report.html").read_text().startswith("<!doctype html>")
    assert list((tmp_path / "narrow").glob("*.onnx"))
