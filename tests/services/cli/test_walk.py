"""The command against a service that stays: the whole walk, and every way to leave it."""

import json
import signal
import socket
import subprocess
from pathlib import Path

import httpx
from onnx import load

from tests.services.cli.conftest import LONG, PROGRAM, QUICK, Shop, until_it_says

TASK = ("--task", "classification", "--max-drop", "0.1")


def test_a_model_is_compressed_followed_reported_and_done_again(shop: Shop) -> None:
    out = shop.folder / "out"
    ended = shop.lathe("compress", "net.onnx", "-d", "data.npz", "-p", QUICK, *TASK, "-o", out)
    assert ended.returncode == 0, ended.stderr
    assert "step 1/1 1-quantize_static: succeeded" in ended.stderr
    assert "The limit holds." in ended.stdout
    assert "-10 points at most" in ended.stdout
    (made,) = out.glob("*.onnx")
    assert made.stat().st_size < (shop.folder / "net.onnx").stat().st_size
    assert load(made).graph.output[0].name == "y"
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert not list(out.glob(".*"))
    pem = shop.folder / "public.pem"
    pem.write_text(_signing_key(shop))
    true = shop.lathe("verify", out, "--key", pem)
    assert (true.returncode, f"{made.name}: true" in true.stdout) == (0, True), true.stderr

    (job,) = json.loads(shop.lathe("jobs", "list", "--json", "--limit", "1").stdout)
    assert job["state"] == "succeeded"
    assert job["id"] in shop.lathe("jobs", "list", "--state", "succeeded").stdout
    shown = shop.lathe("jobs", "show", "latest").stdout
    assert "quantize.static" in shown
    assert shop.lathe("jobs", "watch", job["id"]).returncode == 0
    told = json.loads(shop.lathe("jobs", "events", job["id"], "--json").stdout)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    report = shop.lathe("jobs", "report", job["id"], "-o", shop.folder / "again", "--json")
    value = json.loads(report.stdout)
    assert value["report"]["verdict"]["constraints_met"]
    assert Path(value["files"][0]).parent.name == "again"

    again = shop.lathe("jobs", "retry", job["id"], "--wait", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["steps"][0]["state"] == "reused"
    second = shop.lathe("compress", "net.onnx", "-d", "data.npz", "-p", QUICK, *TASK)
    assert second.stderr.count("was uploaded before") == 2
    assert list((shop.folder / "net-lathe").glob("*.onnx"))


def _signing_key(shop: Shop) -> str:
    url, key = shop.environment["LATHE_URL"], shop.environment["LATHE_KEY"]
    answer = httpx.get(
        f"{url}/v1/signing-keys/latest/pem", headers={"Authorization": f"Bearer {key}"}
    )
    return answer.raise_for_status().text


def test_models_data_and_keys_are_managed(shop: Shop) -> None:
    pushed = shop.lathe("models", "push", "net.onnx", "--name", "mine", "--json")
    model = json.loads(pushed.stdout)
    assert (model["name"], model["state"]) == ("mine", "ready")
    assert model["id"] in shop.lathe("models", "list").stdout
    assert "1,347 parameters" in shop.lathe("models", "show", model["id"]).stdout
    data = json.loads(shop.lathe("datasets", "push", "data.npz", "--json").stdout)
    shown = shop.lathe("datasets", "show", data["id"]).stdout
    assert "train  600 examples" in shown
    made = json.loads(
        shop.lathe("keys", "create", "for ci", "--scope", "read", "--json").stdout
    )
    listed = shop.lathe("models", "list", "--key", made["key"])
    assert listed.returncode == 0
    refused = shop.lathe("models", "push", "net.onnx", "--key", made["key"])
    assert (refused.returncode, "scope" in refused.stderr) == (4, True)
    assert shop.lathe("keys", "revoke", made["id"]).returncode == 0
    assert "revoked" in shop.lathe("keys", "list").stdout
    wrong = shop.lathe("models", "push", "net.onnx", "--key", made["key"])
    assert (wrong.returncode, "revoked" in wrong.stderr) == (4, True), wrong.stderr


def test_ctrl_c_leaves_the_job_to_go_on_and_says_how_to_end_it(shop: Shop) -> None:
    words = ("compress", "net.onnx", "-d", "data.npz", "-p", LONG, *TASK)
    with shop.begun(*words) as process:
        job = until_it_says(process, "job job_").split()[1]
        until_it_says(process, ": running")
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert f"`lathe jobs cancel {job}`" in said
    assert json.loads(shop.lathe("jobs", "show", job, "--json").stdout)["state"] == "running"
    waited = shop.lathe("jobs", "watch", job, "--timeout", "1")
    assert (waited.returncode, "goes on" in waited.stderr) == (5, True)
    assert shop.lathe("jobs", "cancel", job).returncode == 0
    assert shop.lathe("jobs", "watch", job).returncode == 1


def test_a_limit_that_is_missed_is_1_and_the_best_file_comes_all_the_same(shop: Shop) -> None:
    words = ("compress", "net.onnx", "-d", "data.npz", "-p", QUICK, "--max-bytes", "10")
    ended = shop.lathe(*words, "-o", "out")
    assert ended.returncode == 1, ended.stderr
    assert "10 bytes at most" in ended.stdout
    assert list((shop.folder / "out").glob("*.onnx"))


def test_a_reader_that_has_gone_is_141_without_a_word(shop: Shop) -> None:
    script = f"{PROGRAM} techniques --json | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", script],
        env=shop.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_disk_that_takes_no_more_is_6_and_leaves_nothing_half(shop: Shop) -> None:
    shop.lathe("compress", "net.onnx", "-d", "data.npz", "-p", QUICK)
    script = f"ulimit -f 4; exec {PROGRAM} jobs report latest -o out"
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=shop.folder,
        env=shop.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 6, ended.stderr
    assert "File too large" in ended.stderr
    assert not [p for p in (shop.folder / "out").iterdir() if p.name.startswith(".")]


def test_nobody_there_is_3_at_once(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    ended = shop.lathe("jobs", "list", "--url", f"http://127.0.0.1:{port}", within_s=10)
    assert ended.returncode == 3
    assert ended.stderr.startswith(f"nothing answers at http://127.0.0.1:{port} (")


def test_what_cannot_be_done_is_refused_with_its_field(shop: Shop) -> None:
    text = shop.folder / "text.onnx"
    text.write_text("no model")
    ended = shop.lathe("compress", text)
    assert (ended.returncode, ended.stdout) == (4, "")
    steps = '[{"technique": "prune.channels", "keep_macs": 0.5, "protect": ["w9"]}]'
    ended = shop.lathe("compress", "net.onnx", "-d", "data.npz", "-p", steps)
    assert ended.returncode == 4
    assert ended.stderr.splitlines()[-1].startswith("pipeline.0.protect.0: "), ended.stderr
