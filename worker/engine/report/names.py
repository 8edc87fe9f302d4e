"""Metrics and their values as people call them."""

from lathe.limits import FileKind, bare
from lathe.report import Measurement
from worker.engine.run import figures

NAMES = {
    "size_bytes": "File size",
    "latency_ms": "Latency",
    "throughput_per_s": "Throughput",
    "parameters": "Parameters",
    "macs": "Multiply-accumulates",
    "peak_memory_bytes": "Peak memory",
    "accuracy": "Accuracy",
    "f1": "F1",
    "f1_macro": "F1, macro",
    "precision": "Precision",
    "precision_macro": "Precision, macro",
    "recall": "Recall",
    "recall_macro": "Recall, macro",
    "agreement": "Agreement",
    "mse": "Mean squared error",
    "mae": "Mean absolute error",
    "r2": "R²",
    "psnr_db": "PSNR",
    "sqnr_db": "SQNR",
    "spearman": "Spearman",
    "pearson": "Pearson",
}


def metric_name(metric: str, batch_size: int | None, of: FileKind = "onnx") -> str:
    """`Latency, batch 32`, `File size, packed` or `Accuracy, colour` of a further task; a
    metric this page does not know keeps its own name."""
    name, task = NAMES.get(bare(metric), metric), metric.rpartition(".")[0]
    if task and bare(metric) in NAMES:
        name = f"{name}, {task}"
    if batch_size is not None:
        name = f"{name}, batch {batch_size}"
    return name if of == "onnx" else f"{name}, {of}"


def metric_value(measurement: Measurement) -> str:
    """The value with its unit."""
    metric, value = measurement.metric, measurement.value
    match measurement.unit:
        case "bytes":
            return figures.size(value)
        case "ms":
            return figures.milliseconds(value)
        case "1/s":
            return f"{figures.number(value)}/s"
        case unit:
            text = f"{figures.score(metric, value)}{figures.unit(metric)}"
            return text if figures.in_percent(metric) or not unit else f"{text} {unit}"
