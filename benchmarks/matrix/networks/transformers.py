"""Transformers in small: an encoder of images and one of words."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.matrix.networks.tasks import TOKENS, TOPICS, WORDS


class Attention(nn.Module):
    """Vaswani et al. 2017: several heads, each with a part of the width."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor, unseen: Tensor | None) -> Tensor:
        """(batch, tokens, width) to the same; `unseen` is added to the scores."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if unseen is not None:
            scores = scores + unseen
        return self.output((scores.softmax(-1) @ v).transpose(1, 2).flatten(-2))


class Layer(nn.Module):
    """Attention, then two fully connected layers, each added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)

    def forward(self, x: Tensor, unseen: Tensor | None = None) -> Tensor:
        """(batch, tokens, width) to the same."""
        x = x + self.attention(self.norm1(x), unseen)
        return x + self.narrow(functional.gelu(self.wide(self.norm2(x))))


class Vit(nn.Module):
    """Dosovitskiy et al. 2021: 16 patches of 4 x 4 pixels, three layers of four heads."""

    def __init__(self, width: int = 64, classes: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.position = nn.Parameter(0.1 * torch.randn(1, 16, width))
        self.layers = nn.ModuleList(Layer(width, 4) for _ in range(3))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        """(batch, 3, 16, 16) to (batch, classes) logits."""
        x = self.patches(image).flatten(2).transpose(1, 2) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))


class Bert(nn.Module):
    """Devlin et al. 2019: words and places as vectors, two layers, the mean of what counts."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, width), nn.Embedding(TOKENS, width)
        self.layers = nn.ModuleList(Layer(width, 4) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, TOPICS)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """Two (batch, tokens) int64 to (batch, topics) logits."""
        seen = mask.to(torch.float32)
        unseen = (1 - seen)[:, None, None, :] * -1e4
        x = self.words(words) + self.places.weight
        for layer in self.layers:
            x = layer(x, unseen)
        pooled = (self.norm(x) * seen[:, :, None]).sum(1) / seen.sum(1, keepdim=True)
        return self.head(pooled)
