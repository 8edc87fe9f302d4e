"""The embedded process tree: it comes up once a folder, and nothing of it stays behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from examples.service import embedded
from lathe.client import Client
from lathe.errors import NotAModel, Unauthenticated

ROOT = Path(__file__).resolve().parents[3]
GONE_S = 10


def family(parent: int) -> list[psutil.Process]:
    return psutil.Process(parent).children(recursive=True)


def living(processes: list[psutil.Process]) -> list[str]:
    return [p.name() for p in processes if p.is_running() and p.status() != "zombie"]


def all_gone(processes: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + GONE_S
    while living(processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not living(processes)


def up(data: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "app.up", "--data", str(data), "--port", "0", *more]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )


def announced(process: "subprocess.Popen[str]") -> dict[str, str]:
    said: dict[str, str] = {}
    for line in process.stdout or ():
        word, _, rest = line.partition(" ")
        said[word] = rest.split()[0]
        if word == "ready":
            return said
    raise AssertionError(f"not ready: {said}")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_parent(tmp_path: Path, ending: signal.Signals) -> None:
    with up(tmp_path / "data") as process:
        said = announced(process)
        upload = tmp_path / "text.onnx"
        upload.write_text("no model")
        with Client(said["ready"], said["key"]) as lathe, pytest.raises(NotAModel):
            lathe.upload_model(upload)  # so that a worker has a nursery, too
        children = family(process.pid)
        assert len(children) >= 6
        process.send_signal(ending)
        assert all_gone(children), living(children)
        assert process.wait(GONE_S) == (-signal.SIGKILL if ending is signal.SIGKILL else 0)


def test_the_key_is_printed_once_and_the_data_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as process:
        first = announced(process)
        process.send_signal(signal.SIGKILL)
    with up(data) as process:
        again = announced(process)
        headers = {"Authorization": f"Bearer {first['key']}"}
        answer = httpx.get(f"{again['ready']}/v1/models", headers=headers, trust_env=False)
        process.send_signal(signal.SIGTERM)
    assert "key" not in again
    assert answer.status_code == httpx.codes.OK


def test_with_json_all_it_says_is_one_value_and_its_key_can_be_rotated(tmp_path: Path) -> None:
    with up(tmp_path / "data", "--json") as process:
        assert process.stdout
        said = json.loads(process.stdout.readline())
        with Client(said["url"], said["key"]) as lathe:
            (old,) = lathe.keys()
            new = lathe.rotate_key(old.id, grace_s=0)
            with pytest.raises(Unauthenticated, match="revoked"):
                lathe.create_key("too late")
        with Client(said["url"], new.key) as lathe:
            both = lathe.keys()
        assert [each.replaced_by for each in both] == [None, new.id]
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""
        assert process.wait(GONE_S) == 0
    assert Path(said["data"]) == tmp_path / "data"


def test_a_folder_in_use_and_a_port_in_use_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with embedded(tmp_path / "data") as service:
        taken = up(tmp_path / "data")
        assert taken.communicate(timeout=30)[0].startswith("lathe up: ")
        assert taken.returncode == 2
        port = service.url.rpartition(":")[2]
        busy = up(tmp_path / "other", "--port", port)
        assert f"cannot listen on 127.0.0.1:{port}" in busy.communicate(timeout=30)[0]
        assert busy.returncode == 2


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    with up(tmp_path / "data") as process:
        said = announced(process)
        api = next(p for p in family(process.pid) if "app.serve" in p.cmdline())
        os.kill(api.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{said['ready']}/healthz", timeout=2, trust_env=False).is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        else:
            pytest.fail("the API did not come back")
        process.send_signal(signal.SIGTERM)
