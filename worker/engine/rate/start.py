"""Where a tensor's grid begins: the step of an earlier step, or one made from its spread."""

from worker.engine.checkpoint import Trait
from worker.engine.rate.tensors import Tensor

BIAS_CODES = 12  # a bias of the largest size starts as this multiple of its step
MOST_OF_BIAS = 127
SMALLEST = 1e-3  # of a bias's step: biases may all be zero in the beginning


def grid_of(
    tensor: Tensor, trait: Trait | None, deviations: float, most: int
) -> tuple[float, int]:
    """Step and largest multiple of a tensor that is now float or, by its trait, on a grid.

    `deviations` and `most` are meant for weights: the step in standard deviations. A bias
    starts from its largest value and may become MOST_OF_BIAS times its step.
    """
    if trait is not None and trait.multiples is not None and trait.multiples.axis is None:
        return trait.multiples.steps[0], trait.multiples.most
    flat = [parameter.detach().flatten() for parameter in tensor.parameters]
    if tensor.is_matrix:
        spread = max(float(values.std(correction=0)) for values in flat)
        return (deviations * spread or SMALLEST), most
    largest = max(float(values.abs().max()) for values in flat)
    return max(largest / BIAS_CODES, SMALLEST), MOST_OF_BIAS
