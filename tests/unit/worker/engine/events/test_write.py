from pathlib import Path

from tensorboardX import summary

from tests.unit.worker.engine.events.records import read
from worker.engine.events.report_events import Point
from worker.engine.events.write import write_events

POINTS = [Point(3, summary.scalar("a/b", 0.25)), Point(0, summary.text("said", "word"))]


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.x"
    write_events(POINTS, path, at_s=12.5)
    first, scalar, text = read(path)
    assert first.file_version == "brain.Event:2"
    assert [event.wall_time for event in (first, scalar, text)] == [12.5] * 3
    assert (scalar.step, scalar.summary.value[0].tag) == (3, "a/b")
    assert scalar.summary.value[0].simple_value == 0.25
    assert text.summary.value[0].metadata.plugin_data.plugin_name == "text"
    assert text.summary.value[0].tensor.string_val == [b"word"]


def test_the_same_points_and_time_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "tfevents.1", tmp_path / "tfevents.2"
    write_events(POINTS, one, at_s=1)
    write_events(POINTS, other, at_s=1)
    assert one.read_bytes() == other.read_bytes()
