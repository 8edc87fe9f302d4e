"""Removing weights: channels, heads or units with all that is coupled, or single numbers."""

from lathe.techniques.prune.blocks import PruneBlocks
from lathe.techniques.prune.channels import PruneChannels, Retraining
from lathe.techniques.prune.embeddings import PruneEmbeddings
from lathe.techniques.prune.heads import PruneHeads
from lathe.techniques.prune.neurons import PruneNeurons
from lathe.techniques.prune.sensing import PruneSensing
from lathe.techniques.prune.units import PruneUnits
from lathe.techniques.prune.weights import Pattern, PruneWeights

__all__ = [
    "Pattern",
    "PruneBlocks",
    "PruneChannels",
    "PruneEmbeddings",
    "PruneHeads",
    "PruneNeurons",
    "PruneSensing",
    "PruneUnits",
    "PruneWeights",
    "Retraining",
]
