"""Writing a TensorBoard event file: one record an event, each with its checksums."""

from collections.abc import Iterable
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import RecordWriter

from worker.engine.events.report_events import Point

VERSION = "brain.Event:2"  # the first event says so


def write_events(points: Iterable[Point], path: Path, *, at_s: float) -> None:
    """Write `points` to `path`, as of the time `at_s` (seconds since 1970): the same points and
    time give the same bytes. TensorBoard wants `tfevents` in the file's name."""
    writer = RecordWriter(str(path))
    try:
        writer.write(Event(wall_time=at_s, file_version=VERSION).SerializeToString())
        for point in points:
            event = Event(wall_time=at_s, step=point.step, summary=point.summary)
            writer.write(event.SerializeToString())
    finally:
        writer.close()
