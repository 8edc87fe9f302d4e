"""How cells of the matrix are shown."""

from typing import Any

import pytest

from docs.generate import measured


def _cell(network: str, **more: Any) -> dict[str, Any]:
    usual = {
        "technique": "quantize.float", "network": network, "end": "realised", "code": None,
        "why": "", "realised": "smaller", "metric": "accuracy", "bytes_before": 4000,
        "bytes_after": 2000, "packed_bytes": 1000, "latency_ratio": 1.25,
        "score_before": 0.99, "score_after": 0.98,
    }  # fmt: skip
    return usual | more


CELLS = [
    _cell("mlp"),
    _cell("vit", realised="smaller_and_faster", latency_ratio=0.5),
    _cell("lstm", end="packed", realised="neither", bytes_after=4000),
    _cell("bert", end="refused", code="step_impossible", why="a | b"),
    _cell("u-net", end="failed", code="internal", why="oh"),
]


@pytest.fixture(autouse=True)
def _stored(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = {"matrix": {"cells": CELLS}}
    monkeypatch.setattr(measured, "_stored", stored.get)


def test_a_row_says_how_much_smaller_how_fast_and_how_good() -> None:
    lines = measured.example("quantize.float").splitlines()
    assert lines[4] == (
        "| mlp | 4,000 to 2,000 | 2.0x | 4.0x | 1.25 of it | accuracy 0.990 to 0.980 |"
    )
    assert lines[7] == "| bert | refused, `step_impossible`: a \\| b | | | | |"
    assert measured.example("quantize.log2") == measured.NOT_YET


def test_a_field_of_the_grid_has_a_word_or_two() -> None:
    head, _, row, other = measured.grid(["quantize.float", "quantize.log2"]).splitlines()
    assert head == "| | mlp | vit | lstm | bert | u-net |"
    assert row == (
        "| [quantize.float](quantize.float.md) | 2.0x | 2.0x, 2.0x faster | packed 4.0x | "
        "refused | **failed** |"
    )
    assert other.count("not run") == 5
