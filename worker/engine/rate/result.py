"""What is said of weights on their grids: traits and facts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.encode.cost import coded_bits
from worker.engine.outcome import FactValue
from worker.engine.rate.grid import codes
from worker.engine.rate.tensors import Tensor

STEP_BYTES, FLOAT_BYTES = 2, 4


@dataclass(frozen=True, slots=True)
class Coded:
    """A tensor whose parameters hold multiples of `step` now, or will."""

    tensor: Tensor
    step: float
    most: int

    @property
    def size_bytes(self) -> float:
        """An estimate for the packed file: the codes and the step."""
        bits = 0.0
        for parameter in self.tensor.parameters:
            code = codes(parameter.detach(), self.step, self.most).reshape(len(parameter), -1)
            bits += coded_bits(code.to(torch.int32).cpu().numpy())
        return bits / 8 + STEP_BYTES

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return sum(parameter.numel() for parameter in self.tensor.parameters)

    @property
    def nonzero(self) -> int:
        """How many of them are not zero."""
        return sum(int(p.detach().count_nonzero()) for p in self.tensor.parameters)


def with_multiples(checkpoint: Checkpoint, coded: Sequence[Coded]) -> Checkpoint:
    """`checkpoint` with the traits of tensors that lie on their grids."""
    traits = dict(checkpoint.traits)
    for one in coded:
        multiples = Multiples(steps=(one.step,), axis=None, most=one.most)
        before = traits.get(one.tensor.name, Trait())
        traits[one.tensor.name] = replace(before, sparse=True, multiples=multiples)
    return replace(checkpoint, traits=traits)


def coded_facts(coded: Sequence[Coded]) -> dict[str, FactValue]:
    """Facts about all of them together, and each layer's nonzeros and step as text."""
    weights, nonzero = sum(c.weights for c in coded), sum(c.nonzero for c in coded)
    size_bytes = sum(one.size_bytes for one in coded)
    return {
        "tensors_on_a_grid": len(coded),
        "weights_on_a_grid": weights,
        "nonzero_weights": nonzero,
        "float_bytes": FLOAT_BYTES * weights,
        "estimated_coded_bytes": round(size_bytes),
        "bits_a_nonzero_weight": round(8 * size_bytes / max(nonzero, 1), 2),
        "nonzero_by_tensor": "; ".join(
            f"{c.tensor.name} {c.nonzero} of {c.weights}, step {c.step:g}" for c in coded
        ),
    }
