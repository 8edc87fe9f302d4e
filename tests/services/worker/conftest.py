"""A worker's parts around a stand-in engine, on SQLite, a folder and real children."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.queue import Claim, claim
from lathe.states import Queue
from stacks.valkey import Valkey
from tests.services.worker.hostile import nursery, world
from tests.services.worker.shop import Shop
from worker.bench import Bench
from worker.drain import Drain
from worker.nursery import Nursery
from worker.settings import Settings

__all__ = ["nursery", "on_both_databases", "take", "world"]

on_both_databases = pytest.mark.parametrize(
    "database_url", ["sqlite", "postgres"], indirect=True
)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, unless the test is parametrized with another."""
    name = getattr(request, "param", "sqlite")
    url: str = request.getfixturevalue(f"{name}_database_url")
    return url


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop.open(database_url, tmp_path)
    yield shop
    shop.close()


@pytest.fixture
def deployment(shop: Shop, valkey: Valkey, tmp_path: Path) -> dict[str, str]:
    """What every process of a crew is told: the shop, an empty broker, a hasty sweep."""
    valkey.flush()
    return {
        "LATHE_DATABASE_URL": shop.database_url,
        "LATHE_OBJECTS_URL": f"file://{tmp_path / 'objects'}",
        "LATHE_BROKER_URL": valkey.url,
        "LATHE_WORK_DIR": str(tmp_path / "work"),
        "LATHE_SIGNING_KEY_FILE": str(tmp_path / "signing-key.pem"),
        "LATHE_LOCK_PATH": str(tmp_path / "timing.lock"),
        "LATHE_SWEEP_S": "0.2",
        "LATHE_REHINT_S": "1",
    }


@pytest.fixture(scope="module")
def rehearsals() -> Iterator[Nursery]:
    nursery = Nursery("tests.services.worker.rehearsal:perform")
    yield nursery
    nursery.close()


@pytest.fixture
def bench(shop: Shop, rehearsals: Nursery, tmp_path: Path) -> Bench:
    settings = Settings(
        database_url=shop.database_url,
        objects_url=f"file://{tmp_path / 'objects'}",
        work_dir=tmp_path / "work",
        lock_path=tmp_path / "timing.lock",
        signing_key_file=tmp_path / "keys" / "signing-key.pem",
        lease_s=20,
        threads=1,
        sandbox="auto",
    )
    return Bench(
        settings, "tester", shop.sessions, shop.objects, rehearsals, Drain(settings.drain_s)
    )


def take(bench: Bench, queue: Queue = Queue.CPU) -> Claim:
    """Claim what must be there."""
    with bench.sessions.begin() as session:
        claimed = claim(session, queue, bench.name, bench.settings.lease_s)
    assert claimed is not None
    return claimed
