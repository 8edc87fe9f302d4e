"""Small pieces become large writes, one at a time, with two buffers that are used again."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.store.blobs.write_behind import BUFFER_BYTES, WriteBehind


class Recorded:
    """Stands for a Sink: what was written, and from which buffers."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.buffers: set[int] = set()
        self.may_write = threading.Event()
        self.may_write.set()
        self.at_once = self.most_at_once = 0

    def write(self, data: memoryview) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.may_write.wait(5)
        self.written.append(bytes(data))
        self.buffers.add(id(data.obj))
        self.at_once -= 1


def behind(sink: Recorded, threads: ThreadPoolExecutor) -> WriteBehind:
    def run(call: Callable[[], None]) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(threads, call)

    return WriteBehind(sink, run)  # type: ignore[arg-type]


def test_pieces_of_any_size_come_out_in_order_from_two_buffers() -> None:
    pieces = [bytes([n]) * (n * 70_001) for n in range(1, 11)]  # 3,850,055 bytes

    async def go(threads: ThreadPoolExecutor) -> Recorded:
        sink = Recorded()
        stream = behind(sink, threads)
        for piece in pieces:
            await stream.take(piece)
        await stream.rest()
        return sink

    with ThreadPoolExecutor(4) as threads:
        sink = asyncio.run(go(threads))
    assert b"".join(sink.written) == b"".join(pieces)
    assert [len(data) for data in sink.written] == [*(BUFFER_BYTES,) * 3, 704_327]
    assert len(sink.buffers) == 2
    assert sink.most_at_once == 1


def test_one_piece_may_fill_several_buffers() -> None:
    piece = bytes(range(251)) * 10_000  # 2,510,000 bytes

    async def go(threads: ThreadPoolExecutor) -> Recorded:
        sink = Recorded()
        stream = behind(sink, threads)
        await stream.take(piece)
        await stream.rest()
        return sink

    with ThreadPoolExecutor(4) as threads:
        assert b"".join(asyncio.run(go(threads)).written) == piece


def test_a_sender_may_fill_the_second_buffer_but_not_a_third() -> None:
    async def go(threads: ThreadPoolExecutor) -> tuple[bool, bool]:
        sink = Recorded()
        sink.may_write.clear()
        stream = behind(sink, threads)
        await stream.take(bytes(BUFFER_BYTES))
        second = asyncio.create_task(stream.take(bytes(BUFFER_BYTES - 1)))
        await asyncio.sleep(0.02)
        third = asyncio.create_task(stream.take(b"12"))
        await asyncio.sleep(0.02)
        found = second.done(), third.done()
        sink.may_write.set()
        await third
        await stream.rest()
        return found

    with ThreadPoolExecutor(4) as threads:
        assert asyncio.run(go(threads)) == (True, False)


def test_a_failed_write_is_raised_to_who_sends_next() -> None:
    class Full(Recorded):
        def write(self, data: memoryview) -> None:
            raise OSError(28, "full")

    async def go(threads: ThreadPoolExecutor) -> None:
        stream = behind(Full(), threads)
        await stream.take(bytes(BUFFER_BYTES))
        with pytest.raises(OSError, match="full"):
            await stream.rest()

    with ThreadPoolExecutor(1) as threads:
        asyncio.run(go(threads))
