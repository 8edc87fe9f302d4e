"""Small tasks that nets learn in seconds: drawn from a formula, with noise on top.

Each function draws `count` examples: arrays by the names of a net's inputs, and labels.
"""

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.matrix.networks.network import Arrays

Draw = np.random.Generator
Floats = NDArray[np.float32]

MNIST = Path(__file__).resolve().parents[3] / "examples" / "mnist" / "mnist.npz"
WORDS, TOKENS, TOPICS = 96, 16, 4
STEPS, SENSORS, RHYTHMS = 16, 8, 4
USERS, ITEMS = 80, 100
DISC_SIDE = 16
FEATURES = 16


@functools.cache
def _mnist() -> tuple[Floats, NDArray[np.int64]]:
    """The train part that the demo ships: (15000, 1, 28, 28) normalised, and its digits."""
    with np.load(MNIST) as data:
        images, labels = data["train/image"], data["train/label"]
    return ((images / np.float32(255) - 0.1307) / 0.3081).astype(np.float32), labels


def digits(draw: Draw, count: int) -> Arrays:
    """`image` (count, 1, 28, 28) of MNIST, and which digit it is."""
    images, labels = _mnist()
    rows = draw.choice(len(labels), count, replace=False)
    return {"image": images[rows], "label": labels[rows]}


def gratings(draw: Draw, count: int) -> Arrays:
    """`image` (count, 3, 16, 16): a wave in one of 4 directions, 2 lengths, any phase and
    colour; the class is direction and length, 0 to 7."""
    labels = draw.integers(0, 8, count)
    angle = np.pi / 4 * (labels % 4) + draw.normal(0, 0.08, count)
    wave_number = np.where(labels < 4, 0.7, 1.4)
    y, x = np.mgrid[:16, :16]
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    phase = draw.uniform(0, 2 * np.pi, (count, 1, 1))
    wave = np.sin(wave_number[:, None, None] * along + phase)
    image = wave[:, None] * draw.uniform(0.4, 1, (count, 3, 1, 1))
    image += draw.normal(0, 0.6, image.shape)
    return {"image": image.astype(np.float32), "label": labels}


def topics(draw: Draw, count: int) -> Arrays:
    """`words` (count, 16) of 96 and `mask`, 1 where a word counts; the class is which quarter
    of the words is said most often among those."""
    labels = draw.integers(0, TOPICS, count)
    quarter = WORDS // TOPICS
    about = draw.random((count, TOKENS)) < 0.55
    topic = np.where(about, labels[:, None], draw.integers(0, TOPICS, (count, TOKENS)))
    words = topic * quarter + draw.integers(0, quarter, (count, TOKENS))
    length = draw.integers(TOKENS // 2, TOKENS + 1, count)
    mask = (np.arange(TOKENS) < length[:, None]).astype(np.int64)
    return {"words": words * mask, "mask": mask, "label": labels}


def rhythms(draw: Draw, count: int) -> Arrays:
    """`series` (count, 16, 8): sensors that swing at one of 4 rates; the class is the rate."""
    labels = draw.integers(0, RHYTHMS, count)
    rate = (0.4 + 0.4 * labels)[:, None, None]
    phase = draw.uniform(0, 2 * np.pi, (count, 1, SENSORS))
    series = np.sin(rate * np.arange(STEPS)[None, :, None] + phase)
    series += draw.normal(0, 0.3, series.shape)
    return {"series": series.astype(np.float32), "label": labels}


def discs(draw: Draw, count: int) -> Arrays:
    """`image` (count, 1, 16, 16): a disc in noise; the class of a pixel is inside or not."""
    y, x = np.mgrid[:DISC_SIDE, :DISC_SIDE]
    centre = draw.uniform(4, DISC_SIDE - 4, (2, count, 1, 1))
    radius = draw.uniform(2.5, 5, (count, 1, 1))
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    image = inside + draw.normal(0, 0.7, inside.shape)
    return {"image": image[:, None].astype(np.float32), "label": inside.astype(np.int64)}


def table(draw: Draw, count: int) -> Arrays:
    """`features` (count, 16); the target (count, 1) is a product, a square and a bend."""
    x = draw.standard_normal((count, FEATURES)).astype(np.float32)
    y = x[:, 0] * x[:, 1] + 0.5 * x[:, 2] ** 2 + np.abs(x[:, 3]) + draw.normal(0, 0.1, count)
    return {"features": x, "label": y[:, None].astype(np.float32)}


def parcels(draw: Draw, count: int) -> Arrays:
    """`image` (count, 3, 16, 16) of a grating and `size` (count, 6); `kind` is the grating's
    class, `price` (count, 1) depends on the class and the size."""
    seen = gratings(draw, count)
    size = draw.standard_normal((count, 6)).astype(np.float32)
    price = np.abs(size[:, 0]) + size[:, 1] * size[:, 2] + 0.3 * seen["label"]
    return {
        "image": seen["image"],
        "size": size,
        "label/kind": seen["label"],
        "label/price": price[:, None].astype(np.float32),
    }


def ratings(draw: Draw, count: int) -> Arrays:
    """`user` and `item` (count); the rating (count, 1) is how kind the user is, how good the
    item, and how much of a kind both are."""
    fixed = np.random.default_rng(99)
    kind, good = fixed.standard_normal(USERS), fixed.standard_normal(ITEMS)
    user, item = draw.integers(0, USERS, count), draw.integers(0, ITEMS, count)
    rating = kind[user] + good[item] + 0.5 * kind[user] * good[item]
    rating += draw.normal(0, 0.1, count)
    return {"user": user, "item": item, "label": rating[:, None].astype(np.float32)}
