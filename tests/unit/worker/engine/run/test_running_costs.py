from lathe.facts import Capabilities, Dim, IoSpec, ModelFacts, ModelStats, TensorSpec
from lathe.job import Benchmark, JobSpec
from worker.engine.run.running_costs import batch_sizes
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
