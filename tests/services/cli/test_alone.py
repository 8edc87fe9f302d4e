"""`lathe compress` where no service is named: it brings its own and leaves none behind."""

import signal
import stat
from pathlib import Path

from tests.services.cli.conftest import LONG, QUICK, Shop, until_it_says

WORDS = ("compress", "net.onnx", "-d", "data.npz", "--task", "classification", "-o", "out")


def test_a_job_is_done_alone_and_the_second_run_computes_no_step_again(lonely: Shop) -> None:
    first = lonely.lathe(*WORDS, "-p", QUICK)
    assert first.returncode == 0, first.stderr
    assert first.stderr.startswith("starting a service on this machine\n")
    assert lonely.is_left_alone()
    key = lonely.folder / "cache" / "lathe" / "service" / "admin.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    second = lonely.lathe(*WORDS, "-p", QUICK)
    assert second.returncode == 0, second.stderr
    assert "quantize_static: reused" in second.stderr
    report = lonely.lathe("jobs", "report", "latest")
    assert (report.returncode, "file" in report.stdout) == (0, True)


def test_ctrl_c_ends_the_service_and_the_job_with_the_command(lonely: Shop) -> None:
    with lonely.begun(*WORDS, "-p", LONG) as process:
        until_it_says(process, ": running")
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert "is cancelled, as the service stops with this command" in said
    assert lonely.is_left_alone()


def test_a_killed_command_leaves_no_process(lonely: Shop) -> None:
    with lonely.begun(*WORDS, "-p", LONG) as process:
        until_it_says(process, ": running")
        process.kill()
    assert lonely.is_left_alone()


def test_two_at_once_are_one_too_many_and_it_says_so(lonely: Shop, tmp_path: Path) -> None:
    with lonely.begun(*WORDS, "-p", LONG) as process:
        until_it_says(process, ": running")
        other = lonely.lathe("jobs", "list")
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert other.returncode == 3
    assert "in use by another" in other.stderr
    assert str(tmp_path) in other.stderr
