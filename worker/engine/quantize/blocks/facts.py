"""What quantize.weights says of its work."""

from collections import Counter
from collections.abc import Sequence

from worker.engine.measure.metrics import relative_norm
from worker.engine.outcome import FactValue
from worker.engine.quantize.blocks.lowering import Done

NAMED = 24  # weights that the facts name one by one
RUNS = {
    "MatMulNBits": "integers in MatMulNBits",
    "GatherBlockQuantized": "integers in GatherBlockQuantized",
    "none": "floats, widened at load",
}


def block_facts(done: Sequence[Done], larger: Sequence[str]) -> dict[str, FactValue]:
    """Errors are norms: |w - w'| / |w|. Bytes are those of the ONNX file."""
    kernels = Counter(one.kernel for one in done)
    named = [_line(one) for one in done[:NAMED]]
    more = f"; and {len(done) - NAMED} more" if len(done) > NAMED else ""
    return {
        "tensors_in_matmul_kernels": kernels["MatMulNBits"],
        "tensors_in_table_kernels": kernels["GatherBlockQuantized"],
        "tensors_widened_at_load": kernels["none"],
        "larger_as_integers": ", ".join(larger) or None,
        "weight_bytes_before": sum(one.bytes_before for one in done),
        "weight_bytes_after": sum(one.bytes_after for one in done),
        "relative_error": relative_norm(
            sum(one.error for one in done), sum(one.energy for one in done)
        ),
        "by_tensor": "; ".join(named) + more,
    }


def _line(one: Done) -> str:
    return (
        f"{one.name} {one.bits} bits in blocks of {one.width}, "
        f"error {relative_norm(one.error, one.energy):.4f}, "
        f"{one.bytes_before} to {one.bytes_after} bytes, {RUNS[one.kernel]}"
    )
