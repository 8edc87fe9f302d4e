import mmap
import os
import threading
from pathlib import Path

from worker.sandbox.vitals import Vitals, vitals, vitals_of_session


def test_own_memory_is_counted_anonymous_and_shared_alike() -> None:
    before = vitals(os.getpid())
    assert before is not None
    held = bytearray(b"x" * (40 << 20))
    with mmap.mmap(-1, 24 << 20) as shared:
        shared[:: 1 << 12] = b"x" * (24 << 8)
        after = vitals(os.getpid())
    assert after is not None
    assert 60 << 20 < after.memory_bytes - before.memory_bytes < 70 << 20
    assert len(held) == 40 << 20


def test_pages_of_a_mapped_file_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * (32 << 20))
    before = vitals(os.getpid())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert sum(data[:: 1 << 12]) == ord("x") * (32 << 8)
        after = vitals(os.getpid())
    assert before is not None
    assert after is not None
    assert after.memory_bytes - before.memory_bytes < 8 << 20


def test_threads_are_counted() -> None:
    over = threading.Event()
    before = vitals(os.getpid())
    more = [threading.Thread(target=over.wait) for _ in range(3)]
    for thread in more:
        thread.start()
    after = vitals(os.getpid())
    over.set()
    for thread in more:
        thread.join()
    assert before is not None
    assert after is not None
    assert after.threads - before.threads == 3


def test_a_process_that_is_gone_has_none() -> None:
    assert vitals(0x3FFFFF) is None
    assert vitals_of_session(0x3FFFFF) is None


def test_those_of_a_session_add_up() -> None:
    own = vitals_of_session(os.getsid(0))
    alone = vitals(os.getpid())
    assert own is not None
    assert alone is not None
    assert own.threads >= alone.threads
    assert Vitals(7, 1) + Vitals(5, 2) == Vitals(12, 3)
