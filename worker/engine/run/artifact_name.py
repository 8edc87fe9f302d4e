"""What the downloadable file of a candidate is called."""

import re

from lathe.job import JobSpec

MOST_LETTERS = 80


PACKED = ".packed"


def artifact_name(spec: JobSpec, candidate: str, opset: int | None = None) -> str:
    """`<job name or model id>-<candidate>.onnx`, or `...-<candidate>.opset17.onnx`.

    Letters that are not safe in a file name become hyphens. No step's id holds a dot, so two
    files of one job never share a name.
    """
    suffix = "" if opset is None else f".opset{opset}"
    return f"{_stem(spec, candidate)}{suffix}.onnx"


def packed_name(spec: JobSpec, candidate: str) -> str:
    """`<job name or model id>-<candidate>.packed`."""
    return f"{_stem(spec, candidate)}{PACKED}"


def events_name(spec: JobSpec) -> str:
    """`events.out.tfevents.<job name or model id>`, as TensorBoard looks for."""
    return f"events.out.tfevents.{_job(spec)}"


def _stem(spec: JobSpec, candidate: str) -> str:
    return f"{_job(spec)}-{candidate}"


def _job(spec: JobSpec) -> str:
    wished = re.sub(r"[^A-Za-z0-9._-]+", "-", spec.name or "").strip("-._")[:MOST_LETTERS]
    return wished or spec.model
