"""Before and after for people: what is shown, and what the change is called."""

import pytest

from lathe import ids
from lathe.cli.proof import proof
from lathe.job import JobSpec
from lathe.report import Candidate, Environment, Measurement, Report, Verdict


def candidate(name: str, violations: tuple[str, ...] = (), **values: float) -> Candidate:
    units = {"size_bytes": "bytes", "latency_ms": "ms"}
    measured = tuple(
        Measurement(
            metric=metric,
            value=value,
            unit=units.get(metric, ""),
            batch_size=1 if metric == "latency_ms" else None,
        )
        for metric, value in values.items()
    )
    return Candidate(
        id=name, file="f", sha256="0", measurements=measured, violations=violations
    )


def report(before: Candidate, *after: Candidate) -> Report:
    spec = {
        "model": ids.new("mdl"),
        "data": {"evaluation": {"dataset": ids.new("dat"), "split": "test"}},
        "task": {"kind": "classification", "metrics": ["accuracy"]},
        "pipeline": [{"technique": "optimize.graph"}],
        "constraints": [
            {"metric": "accuracy", "max_drop": 0.005},
            {"metric": "size_bytes", "max": 900},
        ],
    }
    return Report(
        spec=JobSpec.model_validate(spec),
        verdict=Verdict(
            best="b", constraints_met=False, realised="smaller", sentence="Smaller [1]."
        ),
        baseline=before,
        candidates=after,
        steps=(),
        environment=Environment(
            lathe_version="0",
            libraries={},
            cpu="c",
            cores=1,
            threads=1,
            device="cpu",
            platform="p",
            seed=0,
        ),
    )


def test_the_best_stands_beside_the_baseline_with_its_limits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = candidate("m", size_bytes=3000, accuracy=0.91, latency_ms=0.5, parameters=70)
    other = candidate("a", size_bytes=1, accuracy=0.1, latency_ms=9, parameters=1)
    best = candidate(
        "b",
        ("size_bytes: 1,200 is over 900",),
        size_bytes=1200,
        accuracy=0.9075,
        latency_ms=0.8,
        parameters=70,
    )
    proof(report(before, other, best))
    said = capsys.readouterr().out
    rows = {cells[0].strip(): cells[1:] for line in said.splitlines() if (cells := cut(line))}
    assert rows["file"] == ["3,000 bytes", "1,200 bytes", "2.5x smaller", "900 bytes at most"]
    assert rows["accuracy"] == ["91.00 %", "90.75 %", "-0.25 points", "-0.5 points at most"]
    assert rows["latency, batch 1"] == ["0.5000 ms", "0.8000 ms", "1.6x slower", ""]
    assert "parameters" not in rows
    assert "Smaller [1].\nmissed: size_bytes: 1,200 is over 900\n" in said


def cut(line: str) -> list[str]:
    """The cells of a row of the table."""
    return [cell.strip() for cell in line.split("│")[1:-1]]
