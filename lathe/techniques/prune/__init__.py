"""Removing weights: whole channels and what is coupled to them, or single numbers."""

from lathe.techniques.prune.channels import PruneChannels, Retraining
from lathe.techniques.prune.neurons import PruneNeurons
from lathe.techniques.prune.sensing import PruneSensing
from lathe.techniques.prune.weights import Pattern, PruneWeights

__all__ = [
    "Pattern",
    "PruneChannels",
    "PruneNeurons",
    "PruneSensing",
    "PruneWeights",
    "Retraining",
]
