import os
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from lathe.facts import Capabilities, Dim, IoSpec, ModelFacts, ModelStats, TensorSpec
from lathe.job import Benchmark, JobSpec
from worker.engine.graph.io_spec import io_spec
from worker.engine.measure.locks import TimingLock
from worker.engine.run.desk import Desk
from worker.engine.run.materials import Materials
from worker.engine.run.running_costs import batch_sizes, running_costs
from worker.engine.run.subject import BASELINE, Subject
from worker.wire import Compress, StagedModel

IDS = "0" * 26


def task(batch: Dim) -> Compress:
    doors = (TensorSpec(name="x", dtype="float32", shape=(batch, 2)),)
    stats = ModelStats(size_bytes=1, parameters=1, macs=1, opset=18, operators={}, layers=())
    facts = ModelFacts(
        format="onnx",
        io=IoSpec(inputs=doors, outputs=doors),
        stats=stats,
        capabilities=Capabilities(torch_view=True),
    )
    model = StagedModel(canonical="canonical.onnx", facts=facts)
    spec = JobSpec.model_validate(
        {"model": f"mdl_{IDS}", "pipeline": [{"technique": "optimize.graph"}]}
    )
    return Compress(spec=spec, model=model, baseline=model)


def test_every_batch_size_is_timed_once_in_the_order_asked() -> None:
    sizes, warnings = batch_sizes(task("N"), Benchmark(batch_sizes=(8, 1, 8)))
    assert (sizes, warnings) == ((8, 1), ())


def test_a_fixed_batch_is_the_only_one_timed_and_the_others_are_named() -> None:
    sizes, (warning,) = batch_sizes(task(4), Benchmark(batch_sizes=(1, 4, 32)))
    assert sizes == (4,)
    assert "fixes its batch size at 4, so 1, 32 could not be timed" in warning
    assert batch_sizes(task(4), Benchmark(batch_sizes=(4,))) == ((4,), ())


def test_an_upload_of_a_newer_format_than_the_runtime_s_is_no_baseline(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "canonical.onnx")
    model.ir_version = 99
    onnx.save(model, tmp_path / "uploaded.onnx")
    job = task("N")
    staged = job.model.model_copy(update={"uploaded": "uploaded.onnx"})
    job = job.model_copy(
        update={
            "baseline": staged,
            "spec": job.spec.model_copy(update={"benchmark": Benchmark(runs=10)}),
        }
    )
    lock = TimingLock(os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT))
    desk = Desk(tmp_path, tmp_path, lambda _: None, lock)
    materials = Materials(io_spec(model), None, None, None, {})
    baseline = Subject.baseline(tmp_path / "canonical.onnx", staged.facts)
    costs, _ = running_costs(job, materials, {BASELINE: baseline}, desk)
    metrics = [one.metric for one in costs[BASELINE]]
    assert metrics == ["latency_ms", "throughput_per_s", "peak_memory_bytes"]
