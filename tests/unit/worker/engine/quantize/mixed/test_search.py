"""Which net of a path is taken, exactly at the limits too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import BudgetUnreachable
from lathe.techniques.quantize import QuantizeMixed, QuantizeWeights
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.checkpoint import Checkpoint
from worker.engine.judge import Judge
from worker.engine.onnx_file.spill import Spill
from worker.engine.onnx_file.write import file_bytes
from worker.engine.quantize.blocks.chosen import chosen_layers
from worker.engine.quantize.mixed.search import Search
from worker.engine.quantize.mixed.trials import Choice

PATH: list[Choice] = [(None, None), (8, None), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2)]
Along = Callable[..., Search]


@dataclass
class BySize:
    """Says what a net of so many bytes loses."""

    drops: dict[int, float]

    def drop(self, changed: onnx.ModelProto) -> float:
        return self.drops[file_bytes(changed)]


@pytest.fixture
def model() -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["x", "v"], ["h"]),
        helper.make_node("MatMul", ["h", "w"], ["y"]),
    ]
    draw = np.random.default_rng(4)
    weights = {
        name: draw.normal(size=(64, wide)).astype(np.float32)
        for name, wide in (("v", 64), ("w", 96))
    }
    kind = TensorProto.FLOAT
    return made(nodes, weights, {"x": (kind, ["n", 64])}, {"y": (kind, ["n", 96])})


@pytest.fixture
def along(model: onnx.ModelProto, tmp_path: Path) -> Iterator[Along]:
    """A search along PATH that judges with `drops`."""
    with Spill(tmp_path / "tensors") as spill:

        def search(drops: dict[int, float] | None = None, **fields: object) -> Search:
            rtn = {"rounding": {"method": "rtn"}}
            spec = QuantizeMixed.model_validate({**rtn, "max_bytes": 1, **fields})
            layers = chosen_layers(model, QuantizeWeights())
            judge = cast("Judge", BySize(drops or {}))
            return Search(Checkpoint(model), spec, judge, layers, PATH, spill)

        yield search


def sizes(search: Search) -> list[int]:
    return [search._net(choice).size_bytes for choice in search.choices]


def test_the_first_that_fits_is_taken_and_one_of_just_the_size_fits(along: Along) -> None:
    all_of = sizes(along())
    assert all_of == sorted(set(all_of), reverse=True)
    for place in range(1, len(PATH)):
        search = along(dict.fromkeys(all_of, 0.5))
        for limit in (all_of[place], all_of[place - 1] - 1):
            net, drop = search.within_bytes(limit)
            assert net.choice == PATH[place]
            assert drop == 0.5
    assert search.judged == 2


def test_what_is_smaller_than_the_smallest_is_refused(along: Along) -> None:
    search = along()
    least = sizes(search)[-1]
    with pytest.raises(BudgetUnreachable, match=f"takes {least:,} bytes, more than"):
        search.within_bytes(least - 1)


def test_a_net_within_the_bytes_may_lose_just_the_limit(along: Along) -> None:
    all_of = sizes(along())
    drops = dict.fromkeys(all_of, 0.25)
    net, drop = along(drops, max_drop=0.25).within_bytes(all_of[3])
    assert (net.choice, drop) == (PATH[3], 0.25)
    with pytest.raises(BudgetUnreachable, match=r"loses 0\.25000, more than 0\.24"):
        along(drops, max_drop=0.24).within_bytes(all_of[3])


@pytest.mark.parametrize("place", range(1, len(PATH)))
def test_the_last_that_loses_no_more_than_it_may_is_taken(along: Along, place: int) -> None:
    drops = {size: 0.1 * at for at, size in enumerate(sizes(along()))}
    search = along(drops, max_drop=0.1 * place)
    net, drop = search.within_drop()
    assert (net.choice, drop) == (PATH[place], 0.1 * place)


def test_where_every_net_loses_too_much_the_least_is_told(along: Along) -> None:
    drops = {size: 0.1 * at for at, size in enumerate(sizes(along()))}
    with pytest.raises(BudgetUnreachable, match=r"loses is 0\.10000, more than 0\.05"):
        along(drops, max_drop=0.05).within_drop()
