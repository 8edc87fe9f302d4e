"""Training losses: what an output should have been, and what a teacher said.

Cross-entropy of logits z (N, C) and labels y (N):   -mean_n log softmax(z_n)[y_n]
Distillation, Hinton, Vinyals and Dean, arXiv:1503.02531, section 2, with T the temperature,
t the teacher's and s the student's logits:

    T^2 mean_n sum_c p_c (log p_c - log q_c),   p = softmax(t_n / T),  q = softmax(s_n / T)

The factor T^2 keeps the gradient's size when T changes. Dense outputs (N, C, ...) or
(N, ..., C) count every position as one example.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it

SMALLEST_PROBABILITY = 1e-12


def logits_of(output: torch.Tensor, *, probabilities: bool) -> torch.Tensor:
    """`output` itself, or log p where it holds probabilities: softmax(log p) is p again."""
    return output.clamp_min(SMALLEST_PROBABILITY).log() if probabilities else output


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, class_axis: int) -> torch.Tensor:
    """Mean over all positions; `logits` has one axis more than `labels`, the classes."""
    return F.cross_entropy(logits.movedim(class_axis, 1), labels)


def distillation(
    student: torch.Tensor, teacher: torch.Tensor, temperature: float, class_axis: int
) -> torch.Tensor:
    """T^2 KL(teacher || student), mean over all positions; both are logits of one shape."""
    said = F.log_softmax(teacher / temperature, dim=class_axis)
    answered = F.log_softmax(student / temperature, dim=class_axis)
    divergence = (said.exp() * (said - answered)).sum(dim=class_axis)
    return divergence.mean() * temperature**2


def squared_error(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of (output - target)^2 over every element; one shape."""
    return F.mse_loss(output, target)
