"""A broker that is not there costs a moment and a warning, nothing else."""

import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.hints import CeleryHints

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


async def test_a_hint_is_one_message_with_the_queues_name() -> None:
    hints = CeleryHints("memory://", timeout_s=0.5)
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
