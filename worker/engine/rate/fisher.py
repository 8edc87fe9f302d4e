"""The diagonal of the Fisher information: how much each weight matters to the output.

    F_i = mean over examples x of E_y (d log p(y | x) / d w_i)^2,    y drawn from the net itself

For a classification y is a class drawn from its softmax; a batch's squared gradient of the
summed log-likelihood is the sum over its examples in expectation, because different draws do
not correlate (Kunstner, Balles and Hennig, arXiv:1905.12558, on true against empirical
Fisher). For any other output of E numbers the loss is their mean squared error, whose
curvature is the Gauss-Newton matrix 2/E J'J; it comes out of the same sum with

    log p = sqrt(2/E) sum_e n_e f_e(x),    n_e drawn from the standard normal distribution.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

Likelihood = Callable[[Tensor], Tensor]


def fisher(
    parameters: Sequence[nn.Parameter],
    outputs: Iterable[Tensor],
    likelihood: Likelihood,
) -> list[Tensor]:
    """F of every parameter, in its shape.

    `outputs` runs the model on one small batch at a time, (examples, ...) with a gradient;
    `likelihood` gives the summed log-likelihood of answers drawn for such a batch.
    """
    total = [torch.zeros_like(parameter) for parameter in parameters]
    examples = 0
    for output in outputs:
        found = torch.autograd.grad(likelihood(output), parameters, allow_unused=True)
        for so_far, gradient in zip(total, found, strict=True):
            if gradient is not None:
                so_far.addcmul_(gradient, gradient)
        examples += len(output)
    return [so_far / max(examples, 1) for so_far in total]


def drawn_class(
    logits: Tensor, class_axis: int, generator: torch.Generator, temperature: float = 1.0
) -> Tensor:
    """The sum of log p(y), classes y drawn from softmax(logits).

    Dense outputs are averaged over the positions of an example, as the loss is. With a
    temperature the curvature is that of T^2 KL between softmax(logits / T) and a teacher's.
    """
    flat = logits.movedim(class_axis, -1).flatten(0, -2) / temperature
    said = flat.log_softmax(dim=-1)
    drawn = torch.multinomial(said.detach().exp(), 1, generator=generator)
    positions = len(flat) / len(logits)
    return temperature * said.gather(-1, drawn).sum() / math.sqrt(positions)


def drawn_noise(output: Tensor, generator: torch.Generator) -> Tensor:
    """The sum of n f, times sqrt(2/E) with E the numbers of one example."""
    noise = torch.randn(output.shape, generator=generator, device=output.device)
    return math.sqrt(2 * len(output) / output.numel()) * (noise * output).sum()
