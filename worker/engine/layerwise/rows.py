"""The inputs of a layer as rows of numbers, one column for each weight of an output.

    Conv        x (n, I, s...)          (g, positions, I/g * k...)
    Gemm        x (n, in)               (1, n, in)
    MatMul      x (..., t, in) @ W      (1, all but the last, in)
    MatMul      W @ x (..., k, n)       (1, all but k, k)
    LSTM ...    x (T, n, I), and for R the states before each step, (d, T * n, I or H)

`most` bounds how many rows one batch gives. They are drawn by `seed`, alike for every call
with the same shapes, so that rows of two states of a model belong together. Padding is left
out where an attention mask tells it from words.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from worker.engine.context import Arrays
from worker.engine.layerwise.site import INPUT_WEIGHT, Floats, Reader, Site


def inputs_of(site: Site) -> tuple[str, ...]:
    """Names of the values that its first reader multiplies with; none where they cannot be
    looked at."""
    reader = site.readers[0]
    if site.form == "plain":
        return ()
    if site.form != "recurrent":
        return (reader.node.input[1 - reader.place],)
    if reader.place == INPUT_WEIGHT:
        return (reader.node.input[0],)
    return (reader.node.output[0],) if reader.node.output and reader.node.output[0] else ()


def rows(
    site: Site, values: Arrays, most: int, seed: int, words: NDArray[np.bool_] | None = None
) -> Floats:
    """(groups, rows, columns) of one batch, at most `most` rows; `words` is (n, t)."""
    (name,) = inputs_of(site)
    reader, x = site.readers[0], np.asarray(values[name], np.float32)
    match site.form:
        case "convolution":
            return _patches(reader, x, site, most, seed)
        case "recurrent":
            return _drawn(_steps(reader, x, site), most, seed)
        case "rows" if reader.node.op_type == "MatMul":
            x = np.moveaxis(x, -2, -1)
        case _:
            pass
    if words is not None and x.shape[:-1] == words.shape:
        x = x[words]
    return _drawn(x.reshape(1, -1, x.shape[-1]), most, seed)


def _drawn(all_rows: Floats, most: int, seed: int) -> Floats:
    if all_rows.shape[1] <= most:
        return all_rows
    chosen = np.random.default_rng(seed).choice(all_rows.shape[1], most, replace=False)
    return all_rows[:, np.sort(chosen)]


def _steps(reader: Reader, x: Floats, site: Site) -> Floats:
    """(d, rows, columns): the inputs for W; for R each state but the last of its direction."""
    batch_first = _ints(reader.node, "layout") == [1]  # an exporter may write the default, 0
    if reader.place == INPUT_WEIGHT:
        flat = x.reshape(1, -1, x.shape[-1])
        return np.repeat(flat, site.groups, axis=0)
    if batch_first:  # (n, T, d, H)
        x = x.transpose(1, 2, 0, 3)
    reverse = _text(reader.node, "direction") == b"reverse"  # (T, d, n, H)
    ways = [
        x[1:, d] if reverse or d == 1 else x[:-1, d]  # (T - 1, n, H)
        for d in range(site.groups)
    ]
    return np.stack([way.reshape(-1, x.shape[-1]) for way in ways])


def _patches(reader: Reader, x: Floats, site: Site, most: int, seed: int) -> Floats:
    rank = x.ndim - 2
    kernel = site.shape[2:]
    strides = _ints(reader.node, "strides") or [1] * rank
    dilations = _ints(reader.node, "dilations") or [1] * rank
    before, after = _pads(reader.node, x.shape[2:], kernel, strides, dilations)
    x = np.pad(x, [(0, 0), (0, 0), *zip(before, after, strict=True)])
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, 2 + rank)))
    every = tuple(slice(None, None, s) for s in strides)
    inside = tuple(slice(None, None, d) for d in dilations)
    windows = windows[(slice(None), slice(None), *every, *inside)]  # (n, I, out..., k...)
    windows = np.moveaxis(windows, 1, 1 + rank)  # (n, out..., I, k...)
    places = windows.shape[: 1 + rank]
    count = int(np.prod(places))
    chosen = np.arange(count)
    if count > most:
        chosen = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
    picked = windows[np.unravel_index(chosen, places)]  # (rows, I, k...)
    grouped = picked.reshape(len(chosen), site.groups, -1)
    return np.ascontiguousarray(grouped.transpose(1, 0, 2))


def _pads(
    node: onnx.NodeProto,
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: list[int],
    dilations: list[int],
) -> tuple[list[int], list[int]]:
    """Zeros before and after each axis."""
    auto = _text(node, "auto_pad")
    if auto in {b"SAME_UPPER", b"SAME_LOWER"}:
        totals = [
            max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            for n, k, s, d in zip(size, kernel, strides, dilations, strict=True)
        ]
        less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
        return (less, more) if auto == b"SAME_UPPER" else (more, less)
    pads = _ints(node, "pads") or [0] * (2 * len(size))
    return pads[: len(size)], pads[len(size) :]


def _ints(node: onnx.NodeProto, name: str) -> list[int]:
    for attribute in node.attribute:
        if attribute.name == name:
            kind = attribute.type == onnx.AttributeProto.INTS
            return list(attribute.ints) if kind else [attribute.i]
    return []


def _text(node: onnx.NodeProto, name: str) -> bytes:
    return next((a.s for a in node.attribute if a.name == name), b"")
