"""What a report says, as the scalars, histograms and texts of TensorBoard.

measured/<metric>           states: 0 is the baseline, k the state after the k-th step
steps/<count>               the same axis, for states that were not measured too
runs/<latency>              histograms of the timed runs, on that axis
training/<step>/<curve>     epochs of one training step
layers/<layer>/<number>     0 before, and the best candidate's place after
layers/<number>             the same of all layers, as histograms
noise/<file>                percent of the inputs' deviation
verdict, spec               texts
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tensorboardX import summary
from tensorboardX.proto.summary_pb2 import Summary

from lathe.report import Candidate, LayerReport, Measurement, Report, StepReport

BINS = 40
COUNTS = ("size_bytes", "parameters", "macs")
CURVES = ((1, "train_loss"), (2, "held_out_score"))  # columns of a step's curve


@dataclass(frozen=True, slots=True)
class Point:
    """One summary at a place on its axis."""

    step: int
    summary: Summary


def report_events(report: Report) -> Iterator[Point]:
    """Every point, those of one tag in the order of its axis."""
    places = {step.id: place for place, step in enumerate(report.steps, start=1)}
    best = places.get(report.verdict.best, len(report.steps))
    yield _text("verdict", report.verdict.sentence)
    yield _text("spec", f"```\n{report.spec.model_dump_json(indent=2)}\n```")
    yield from _measured(report.baseline, 0)
    for candidate in report.candidates:
        yield from _measured(candidate, places.get(candidate.id, len(places)))
    for place, step in enumerate(report.steps, start=1):
        yield from _counted(step, place)
        yield from _trained(step)
    yield from _layers(report.layers, best)
    for point in report.noise:
        percent = round(100 * point.sigma)
        yield _scalar("noise/baseline", point.baseline, percent)
        yield _scalar("noise/candidate", point.candidate, percent)


def _measured(file: Candidate, place: int) -> Iterator[Point]:
    for one in file.measurements:
        yield _scalar(f"measured/{_name(one)}", one.value, place)
        if one.samples:
            yield _histogram(f"runs/{_name(one)}", one.samples, place)


def _name(one: Measurement) -> str:
    """`latency_ms_batch_1`, `size_bytes_packed`."""
    batch = "" if one.batch_size is None else f"_batch_{one.batch_size}"
    return f"{one.metric}{batch}" if one.of == "onnx" else f"{one.metric}{batch}_{one.of}"


def _counted(step: StepReport, place: int) -> Iterator[Point]:
    for name in COUNTS:
        value = step.facts.get(name)
        if isinstance(value, int):
            yield _scalar(f"steps/{name}", value, place)
    yield _scalar("steps/wall_s", step.wall_s, place)


def _trained(step: StepReport) -> Iterator[Point]:
    for row in step.curve:
        for column, name in CURVES:
            if len(row) > column:
                yield _scalar(f"training/{step.id}/{name}", row[column], int(row[0]))


def _layers(layers: tuple[LayerReport, ...], place: int) -> Iterator[Point]:
    for number, layer in enumerate(layers, start=1):
        tag = f"layers/{number:03d}_{layer.layer}"
        yield _scalar(f"{tag}/bytes", layer.bytes_before, 0)
        yield _scalar(f"{tag}/bytes", layer.bytes_after, place)
        yield _scalar(f"{tag}/nonzero", layer.nonzero, place)
        if layer.sqnr_db is not None:
            yield _scalar(f"{tag}/sqnr_db", layer.sqnr_db, place)
    levels = tuple(layer.sqnr_db for layer in layers if layer.sqnr_db is not None)
    if layers:
        yield _histogram("layers/bytes", tuple(one.bytes_before for one in layers), 0)
        yield _histogram("layers/bytes", tuple(one.bytes_after for one in layers), place)
    if levels:
        yield _histogram("layers/sqnr_db", levels, place)


def _scalar(tag: str, value: float, step: int) -> Point:
    return Point(step, summary.scalar(_tag(tag), value))


def _histogram(tag: str, values: tuple[float, ...], step: int) -> Point:
    return Point(step, summary.histogram(_tag(tag), np.array(values, np.float64), BINS))


def _text(tag: str, text: str) -> Point:
    return Point(0, summary.text(tag, text))


def _tag(name: str) -> str:
    """Letters that TensorBoard does not take become underscores."""
    return re.sub(r"[^-/\w.]", "_", name)
