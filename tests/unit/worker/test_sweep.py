import logging
from pathlib import Path

import pytest

from app.store.blobs.objects import Objects
from app.store.db import sessions, sync_engine
from app.store.rows import Base
from worker.broker import celery_at
from worker.keep_settings import KeepSettings
from worker.settings import Settings
from worker.sweep import Sweep
from worker.upkeep import Upkeep


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url=f"sqlite:///{tmp_path / 'lathe.db'}",
        objects_url=f"file://{tmp_path / 'objects'}",
        broker_url=f"redis+socket://{tmp_path / 'nobody-listens'}",
    )


def test_a_broker_that_is_away_does_not_end_the_sweep(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _seconds: None)
    engine = sync_engine(settings.database_url)
    Base.metadata.create_all(engine)
    objects = Objects.open(settings.objects_url)
    opened = sessions(engine)
    upkeep = Upkeep(opened, objects, KeepSettings())
    sweep = Sweep(opened, celery_at(settings.broker_url), settings, upkeep)
    with caplog.at_level(logging.WARNING):
        sweep.once()
    engine.dispose()
    assert "this round of the sweep failed" in caplog.text
