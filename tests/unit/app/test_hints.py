"""A broker that is not there costs a moment and a warning, nothing else."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from redis.exceptions import OutOfMemoryError
from structlog.testing import capture_logs

from app.hints import BACK_OFF_S, CeleryHints

pytestmark = pytest.mark.anyio


async def test_a_broker_that_is_down_is_a_warning_and_no_error(tmp_path: Path) -> None:
    hints = CeleryHints(f"redis+socket://{tmp_path}/none.sock", timeout_s=0.5)
    began = time.monotonic()
    with capture_logs() as logged:
        assert await hints.send("cpu") is False
    assert time.monotonic() - began < 5
    (line,) = logged
    assert (line["log_level"], line["queue"]) == ("warning", "cpu")
    assert "does not answer" in str(await hints.trouble())
    await hints.close()


async def test_after_a_failure_no_hint_is_tried_for_a_while(tmp_path: Path) -> None:
    now_s = 100.0
    hints = CeleryHints(f"redis+socket://{tmp_path}/none.sock", 0.5, clock=lambda: now_s)
    tries: list[str] = []

    def fail(queue: str) -> None:
        tries.append(queue)
        raise OutOfMemoryError("command not allowed: redis://:secret@host")

    hints._send = fail  # type: ignore[method-assign]
    with capture_logs() as logged:
        assert [await hints.send("cpu") for _ in range(3)] == [False] * 3
        assert len(tries) == len(logged) == 1
        now_s += BACK_OFF_S
        assert await hints.send("cpu") is False
    assert len(tries) == len(logged) == 2
    hints._ask = lambda: None  # type: ignore[method-assign]
    assert await hints.trouble() == "the broker takes no hints (OutOfMemoryError)"
    now_s += BACK_OFF_S
    assert await hints.trouble() is None  # nothing was asked of it since
    await hints.close()


async def test_a_broker_that_says_nothing_costs_no_more_than_its_timeout() -> None:
    hints = CeleryHints("memory://", timeout_s=0.05)
    let_go = threading.Event()

    def hang(_queue: str) -> None:
        let_go.wait(5)

    hints._send = hang  # type: ignore[method-assign]
    began = time.monotonic()
    several = [hints.send("cpu") for _ in range(9)]  # more than there are threads
    assert await asyncio.gather(*several) == [False] * 9
    assert time.monotonic() - began < 1
    let_go.set()
    await hints.close()


async def test_a_hint_is_one_message_with_the_queues_name() -> None:
    hints = CeleryHints("memory://", timeout_s=10)
    assert await hints.send("intake") is True
    assert await hints.trouble() is None
    with hints.celery.connection_for_read() as connection:
        queue = connection.SimpleQueue("intake")
        message = queue.get(timeout=1)
        assert message.headers["task"] == "lathe.look"
        assert message.payload[0] == ["intake"]
        message.ack()
        queue.close()
    await hints.close()
