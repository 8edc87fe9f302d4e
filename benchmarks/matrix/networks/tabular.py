"""Nets of rows in a table: plain numbers, and users and items by their numbers."""

import torch
from torch import Tensor, nn

from benchmarks.matrix.networks.tasks import FEATURES, ITEMS, USERS


class Mlp(nn.Sequential):
    """Three hidden layers and one number out."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(FEATURES, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )


class Recommender(nn.Module):
    """He et al. 2017, "Neural Collaborative Filtering": a vector of the user, one of the item,
    and layers over both and their product."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(USERS, width), nn.Embedding(ITEMS, width)
        self.layers = nn.Sequential(
            nn.Linear(3 * width, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """Two (batch) int64 to (batch, 1) ratings."""
        u, i = self.users(user), self.items(item)
        return self.layers(torch.cat((u, i, u * i), 1))
