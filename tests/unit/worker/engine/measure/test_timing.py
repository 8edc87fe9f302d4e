"""Timing of two tiny files, one of which does much more work."""

import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.views import Progress
from worker.engine.measure import timing
from worker.engine.measure.locks import TimingLock
from worker.engine.measure.timing import time_files


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "WARM_UP_S", 0.0)
    monkeypatch.setattr(timing, "others_share", lambda *_: 0.05)


def chain(path: Path, layers: int, size: int = 64) -> Path:
    """A file of `layers` matrix products."""
    nodes = [
        helper.make_node("MatMul", [f"v{k}" if k else "x", "w"], [f"v{k + 1}"])
        for k in range(layers)
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", size])],
        [helper.make_tensor_value_info(f"v{layers}", TensorProto.FLOAT, ["n", size])],
        [numpy_helper.from_array(np.eye(size, dtype=np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path)
    return path


def batch(size: int) -> dict[str, NDArray[np.generic]]:
    return {"x": np.ones((size, 64), np.float32)}


def test_every_file_is_timed_at_every_batch_size(tmp_path: Path) -> None:
    files = {"long": chain(tmp_path / "a.onnx", 40), "short": chain(tmp_path / "b.onnx", 1)}
    heard: list[Progress] = []
    found = time_files(
        files,
        {1: batch(1), 8: batch(8)},
        runs=12,
        threads=1,
        lock=TimingLock(),
        progress=heard.append,
    )
    assert list(found) == ["long", "short"]
    latency, throughput = found["long"][:2]
    assert [m.metric for m in found["long"]] == ["latency_ms", "throughput_per_s"] * 2
    assert [m.batch_size for m in found["long"]] == [1, 1, 8, 8]
    assert len(latency.samples) == 12
    assert latency.value == pytest.approx(float(np.median(latency.samples)), abs=1e-5)
    assert latency.spread is not None
    assert latency.spread.low <= latency.value <= latency.spread.high
    assert throughput.value == pytest.approx(1000 / latency.value)
    assert found["long"][3].value == pytest.approx(8000 / found["long"][2].value)
    assert latency.value > 3 * found["short"][0].value
    assert [one.fraction for one in heard] == [0.5, 1.0]


def test_files_take_turns_and_no_file_always_follows_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []
    names = {}

    def noted(session: object, _: object) -> float:
        turns.append(names[id(session)])
        return 0.001

    opened = timing._session

    def opening(path: Path, threads: int) -> object:
        session = opened(path, threads)
        names[id(session)] = path.stem
        return session

    monkeypatch.setattr(timing, "_run_s", noted)
    monkeypatch.setattr(timing, "_session", opening)
    files = {name: chain(tmp_path / f"{name}.onnx", 1) for name in ("a", "b", "c")}
    time_files(files, {1: batch(1)}, runs=40, threads=1, lock=TimingLock())
    turns = turns[3:]  # after the look at how long a run takes
    rounds = [turns[start : start + 3] for start in range(0, 120, 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert {one[0] for one in rounds} == {"a", "b", "c"}
    followed = set(itertools.pairwise(turns))
    assert {("a", "b"), ("c", "b"), ("b", "a"), ("c", "a"), ("a", "c"), ("b", "c")} <= followed


def test_a_busy_machine_is_tried_again_and_then_owned_up_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a": chain(tmp_path / "a.onnx", 1)}
    shares = iter([0.9, 0.3, 0.5])
    monkeypatch.setattr(timing, "others_share", lambda *_: next(shares))
    found = time_files(files, {1: batch(1)}, runs=10, threads=1, lock=TimingLock())
    assert all(one.contended for one in found["a"])
    shares = iter([0.9, 0.05])
    found = time_files(files, {1: batch(1)}, runs=10, threads=1, lock=TimingLock())
    assert not any(one.contended for one in found["a"])


def test_timing_without_the_lock_is_contended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Taken(TimingLock):
        def _take_alone(self, timeout_s: float) -> bool:
            return timeout_s < 0

    files = {"a": chain(tmp_path / "a.onnx", 1)}
    found = time_files(files, {1: batch(1)}, runs=10, threads=1, lock=Taken())
    assert all(one.contended for one in found["a"])
    assert len(found["a"][0].samples) == 10
