"""What the files of benchmarks/results say of a technique, as sentences and tables."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
ALONE = {  # results of jobs with one step, and which of a result's jobs
    "quantize.static": ("resnet20", "ResNet-20 on CIFAR-10", None),
    "quantize.dynamic": ("minilm", "all-MiniLM-L6-v2 on STS-B", "int8"),
    "quantize.weights": ("minilm", "all-MiniLM-L6-v2 on STS-B", "4 bits"),
}
TOGETHER, CASES, SEED = "deep_compression", ("deep-compression", "classic"), 0
Cell = Mapping[str, Any]
NOT_YET = "No measurement of this technique is committed yet: `make bench-matrix` makes them."


def matrix() -> Mapping[str, Any] | None:
    """The stored result; None before the first run."""
    return _stored("matrix")


def _stored(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def cells(technique: str | None = None) -> list[Cell]:
    """Those of one technique, or all, in the order they are stored in."""
    result = matrix()
    found = result["cells"] if result else []
    return [cell for cell in found if technique in (None, cell["technique"])]


def example(technique: str) -> str:
    """The technique alone and among others, wherever it was measured."""
    parts = [_alone(technique), _in_matrix(technique), _together(technique)]
    return "\n\n".join(part for part in parts if part) or NOT_YET


def _alone(technique: str) -> str:
    name, subject, job = ALONE.get(technique, ("", "", None))
    result = _stored(name) if name else None
    if result is None:
        return ""
    verdict = result["verdict"] if job is None else result["verdicts"][job]
    return f"{subject} ({_link(name)}): {verdict['sentence']}"


def _together(technique: str) -> str:
    """Rows of the deep-compression benchmark in whose pipeline it was."""
    result = _stored(TOGETHER)
    rows = [
        row
        for row in (result["rows"] if result else ())
        if technique in row["pipeline"] and row["case"] in CASES and row["seed"] == SEED
    ]
    if not rows:
        return ""
    return "\n".join(
        [
            f"With other steps, as a packed file ({_link(TOGETHER)}):",
            "",
            "| network | steps | file, bytes | smaller | test score |",
            "|---|---|---|---|---|",
            *(
                f"| {row['subject']} | {', '.join(row['pipeline'])} | {row['size_bytes']:,} | "
                f"{row['smaller']:.1f}x | {row['dense_score']:.4f} to {row['score']:.4f} |"
                for row in rows
            ),
        ]
    )


def _link(name: str) -> str:
    return f"[{name}.json](../../benchmarks/results/{name}.json)"


def _in_matrix(technique: str) -> str:
    """On every network of the matrix."""
    found = cells(technique)
    if not found:
        return ""
    return "\n".join(
        [
            f"Alone, with the step above ({_link('matrix')}):",
            "",
            "| network | file, bytes | smaller | packed | time at batch 1 | score |",
            "|---|---|---|---|---|---|",
            *(_row(cell) for cell in found),
        ]
    )


def _row(cell: Cell) -> str:
    name, end = cell["network"], cell["end"]
    if end in ("refused", "failed"):
        why = " ".join(str(cell["why"]).split()).replace("|", "\\|")
        return f"| {name} | {end}, `{cell['code']}`: {why} | | | | |"
    before, after, packed = cell["bytes_before"], cell["bytes_after"], cell["packed_bytes"]
    ratio = cell["latency_ratio"]
    return (
        f"| {name} | {before:,} to {after:,} | {before / after:.1f}x | "
        f"{before / packed:.1f}x | {f'{ratio:.2f} of it' if ratio else 'not timed'} | "
        f"{cell['metric']} {cell['score_before']:.3f} to {cell['score_after']:.3f} |"
    )


def grid(techniques: Iterable[str]) -> str:
    """Techniques down, networks across, each cell in a word or two."""
    by_place = {(cell["technique"], cell["network"]): cell for cell in cells()}
    networks = list(dict.fromkeys(network for _, network in by_place))
    lines = [
        "| | " + " | ".join(networks) + " |",
        "|---" * (len(networks) + 1) + "|",
    ]
    for technique in techniques:
        row = (_word(by_place.get((technique, network))) for network in networks)
        lines.append(f"| [{technique}]({technique}.md) | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _word(cell: Cell | None) -> str:
    if cell is None:
        return "not run"
    before = cell["bytes_before"]
    match cell["end"]:
        case "refused":
            return "refused"
        case "failed":
            return "**failed**"
        case "packed":
            return f"packed {before / cell['packed_bytes']:.1f}x"
        case _:
            smaller, ratio = before / cell["bytes_after"], cell["latency_ratio"] or 1
            faster = f", {1 / ratio:.1f}x faster" if "faster" in cell["realised"] else ""
            return f"{smaller:.1f}x{faster}"
